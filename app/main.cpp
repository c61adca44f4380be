// Parse, run, one catch, exit code. Nobody else prints errors or exits.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "commands.hpp"
#include "completion.hpp"
#include "help.hpp"
#include "manual.hpp"
#include "options.hpp"
#include "plot_modes.hpp"

namespace {

using rectify::app::Options;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kOverLimit = 3;

/// Descriptors 0 to 2 that are closed are opened in the wrong direction, so that using them fails
/// and no file gets their number.
void occupy_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    [[maybe_unused]] const int opened =
        ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

extern "C" void die_tidily(int signal) {
  rectify::remove_temporaries();
  ::raise(signal);  // its default action is restored: the parent sees which signal it was
}

/// Called where a file may come to be written: a hundred system calls are a good part of the time
/// of a run that only prints.
void remove_temporaries_on_signals() {
  // All whose default action ends a process. What a parent ignores (nohup) stays ignored, what a
  // sanitizer handles stays with it.
  const auto set = [](int signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
    action.sa_handler = die_tidily;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
    ::sigaction(signal, &action, nullptr);
  };
  for (const int signal :
       {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,    SIGTRAP, SIGABRT,   SIGBUS,  SIGFPE, SIGUSR1, SIGSEGV,
        SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGXCPU, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR,  SIGSYS})
    set(signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) set(signal);
}

int run(int argc, char** argv) {
  const Options options = rectify::app::parse_options(argc, argv);
  if (options.output || options.plot) remove_temporaries_on_signals();
  switch (options.ask) {
    case Options::Ask::short_help:
      rectify::app::print(rectify::app::short_help(options.command));
      return kDone;
    case Options::Ask::help:
      rectify::app::print(rectify::app::help(options.command));
      return kDone;
    case Options::Ask::list_modes:
      rectify::app::print(rectify::app::list_modes());
      return kDone;
    case Options::Ask::plot_modes:
      rectify::app::plot_modes(*options.plot, options.operation.modes);
      return kDone;
    case Options::Ask::manual:
      rectify::app::print(rectify::app::manual());
      return kDone;
    case Options::Ask::completion:
      rectify::app::print(rectify::app::completion(options.shell));
      return kDone;
    case Options::Ask::version:
      rectify::app::print(rectify::app::version());
      return kDone;
    case Options::Ask::run:
      break;
  }
  if (options.inputs.empty() && !options.tensor && !options.randn && ::isatty(STDIN_FILENO) != 0) {
    const std::string usage = rectify::app::usage(options.command);
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, usage.data(), usage.size());
    return kUsage;
  }
  if (options.command == Options::Command::compare) {
    switch (rectify::app::compare(options)) {
      case rectify::app::Verdict::fine:
        return kDone;
      case rectify::app::Verdict::over_limit:
        return kOverLimit;
      case rectify::app::Verdict::incomplete:
        return kFailed;
    }
  }
  if (options.list) return rectify::app::list(options) ? kDone : kFailed;
  rectify::app::apply(options);
  return kDone;
}

/// Memory can be too short even for an exception.
[[noreturn]] void give_up() {
  constexpr std::string_view kText = "rectify: out of memory\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText.data(), kText.size());
  rectify::remove_temporaries();
  ::_exit(kFailed);
}

/// Before the constructors of statics, which may be the first to want memory.
[[gnu::constructor(101)]] void prepare_to_give_up() { std::set_terminate(give_up); }

}  // namespace

int main(int argc, char** argv) {
  // Slabs come and go by the megabyte: keep their memory instead of having the kernel clear new
  // pages for each. Half a heap of a thread is the most that every glibc takes as the first.
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 20);
#endif
  occupy_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away shows as EPIPE
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit as EFBIG
  try {
    return run(argc, argv);
  } catch (const rectify::ReaderGone&) {
    return kDone;
  } catch (const rectify::Error& error) {
    rectify::app::say(error.line(rectify::app::option_text));
    return error.kind() == rectify::ErrorKind::usage ? kUsage : kFailed;
  } catch (const std::bad_alloc&) {
    rectify::app::say("out of memory");
  } catch (const std::exception& error) {
    rectify::app::say(rectify::escaped(error.what()));
  }
  return kFailed;
}
