// The values inside a JSON document: those that a pointer names, and the members of an object.
#pragma once

#include <string>
#include <vector>

#include "format.hpp"

namespace rectify::inline v1 {

/// A JSON pointer (RFC 6901). In a list the step `*` leads into every element.
class JsonPointer {
 public:
  /// Throws Error{usage} for what is not a pointer.
  explicit JsonPointer(std::string text);

  /// Whether it has a step `*`: it may name several values of a document.
  bool names_several() const;

  /// Reads the document at `p` of the chunk, which may be any JSON, and returns its end. `found`
  /// gets where the values stand that the pointer names, at least one. Of members of one name the
  /// last counts, as in Python. Throws Error{data} with the place, also where an element that `*`
  /// leads into has no value at the pointer.
  const char* find(const Chunk& chunk, const std::string& source, const char* p,
                   std::vector<const char*>& found) const;

 private:
  std::string text_;
  std::vector<std::string> steps_;
};

/// Reads the name of an object's member and the colon behind it, from `p` on, where the name has to
/// stand. Returns where the value begins. Throws Error{data} with the place.
const char* read_name(const Chunk& chunk, const std::string& source, const char* p,
                      std::string& name);

/// A name or an index as a step of a pointer: "/a~1b".
std::string pointer_step(std::string_view name);

/// What to do about the object at `p`, which stands where a number was expected, `depth` lists deep in
/// what is at the pointer `path`: the recipe for what it has of numbers. Looks at no more than its
/// first kTokenBytes.
std::string hint_for_object(const Chunk& chunk, const char* p, const std::string& path,
                            std::size_t depth);

/// Past the value at `p`, which may be any JSON. Throws Error{data} with the place.
const char* skip_value(const Chunk& chunk, const std::string& source, const char* p);

}  // namespace rectify::inline v1
