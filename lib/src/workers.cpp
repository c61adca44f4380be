#include "workers.hpp"

#include <sched.h>

#include "sanitizers.hpp"

namespace rectify::inline v1 {

unsigned processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
  const unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : count;
}

void own_descriptors() {
#if !RECTIFY_TSAN  // which takes equal numbers for one file
  // Where it may not be, as in some containers, they are shared as before.
  ::unshare(CLONE_FILES);
#endif
}

}  // namespace rectify::inline v1
