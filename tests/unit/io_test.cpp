#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "streams.hpp"

namespace rectify {
namespace {

std::string take(Source& source, std::size_t size) {
  std::string text(size, '\0');
  text.resize(source.read(text.data(), size));
  return text;
}

std::string take_at(const Source& source, std::uint64_t position, std::size_t size) {
  std::string text(size, '\0');
  text.resize(source.read_at(position, text.data(), size));
  return text;
}

/// Whether a file of the folder may be open without a name there.
bool has_nameless_files(const Folder& folder) {
  const int fd = ::open((folder / ".").c_str(), O_TMPFILE | O_RDWR, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// What an action's Error says; "" if there is none.
template <class Action>
std::string failure(Action action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
    return error.what();
  }
  return "";
}

/// A pipe whose writer has written `text` and gone.
std::string pipe_with(std::string_view text) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return "/dev/fd/" + std::to_string(ends[0]);
}

// ---- Source ------------------------------------------------------------------------------------

TEST_CASE("a file, a pipe and memory are read alike") {
  Folder folder;
  const std::string text = "0123456789";
  put_content(folder / "digits", text);
  for (int kind = 0; kind < 3; ++kind) {
    CAPTURE(kind);
    Source source = kind == 0   ? Source::file(folder / "digits")
                    : kind == 1 ? Source::file(pipe_with(text))
                                : Source::memory(text, "digits");
    CHECK(source.position() == 0);
    CHECK(source.peek(2).starts_with("01"));
    CHECK(source.peek(4).starts_with("0123"));
    CHECK(source.position() == 0);
    CHECK(take(source, 3) == "012");
    CHECK(source.position() == 3);
    CHECK(source.peek(2).starts_with("34"));
    source.skip(2);
    CHECK(source.position() == 5);
    CHECK(source.peek(1).starts_with("5"));
    CHECK(take(source, 2) == "56");
    CHECK(source.peek(100) == "789");
    CHECK(take(source, 100) == "789");
    CHECK(source.position() == 10);
    CHECK(take(source, 1) == "");
    CHECK(source.peek(1) == "");
  }
}

/// A pipe that is written to as the test goes on.
struct Pipe {
  Pipe() { REQUIRE(::pipe(ends) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    close();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  std::string path() const { return "/dev/fd/" + std::to_string(ends[0]); }
  void write(std::string_view text) const {
    REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void close() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }

  int ends[2] = {-1, -1};
};

TEST_CASE("of a pipe that stays open, what is there is read without waiting for more") {
  Pipe pipe;
  Source source = Source::file(pipe.path());
  char to[16];
  CHECK_FALSE(source.ready());
  pipe.write("01");
  CHECK(source.ready());
  CHECK(source.peek(1, 16) == "01");
  CHECK(source.ready(1));
  CHECK_FALSE(source.ready(2));
  CHECK(source.read(to, 0, 1) == 1);
  CHECK(source.read(to, 1, 16) == 1);
  CHECK(to[0] == '1');
  CHECK_FALSE(source.ready());
  CHECK(source.read(to, 0, 16) == 0);
  CHECK(source.peek(0, 16).empty());
  pipe.write("234");
  CHECK(source.read(to, 1, 2) == 2);
  CHECK(source.peek(1, 1) == "4");
  pipe.write("5");
  CHECK(source.peek(1, 16) == "45");
  CHECK(source.read(to, 1, 16) == 2);
  CHECK(source.position() == 6);
  pipe.close();
  CHECK(source.ready());  // the end is
  CHECK(source.read(to, 1, 16) == 0);
  CHECK(source.ready());
}

TEST_CASE("a file and memory never have to be waited for") {
  Folder folder;
  put_content(folder / "digits", "01");
  for (const bool file : {true, false}) {
    CAPTURE(file);
    Source source = file ? Source::file(folder / "digits") : Source::memory("01", "digits");
    source.before_waiting([]() -> bool { throw std::logic_error("it waits"); });
    CHECK(source.ready());
    CHECK(source.ready(100));
    CHECK(take(source, 100) == "01");
    CHECK(source.ready());
    CHECK(take(source, 1) == "");
  }
}

TEST_CASE("before a read waits, what is to be done is done, as long as nothing comes") {
  Pipe pipe;
  Source source = Source::file(pipe.path());
  int calls = 0;
  source.before_waiting([&] {
    if (++calls == 3) pipe.write("23");
    return true;
  });
  pipe.write("01");
  char to[16];
  CHECK(source.read(to, 2) == 2);
  CHECK(source.read(to, 0, 2) == 0);
  CHECK(calls == 0);
  CHECK(source.read(to, 1, 16) == 2);
  CHECK(calls == 3);
  // The last call has nothing to do: the read waits.
  std::thread writer;
  source.before_waiting([&] {
    ++calls;
    writer = std::thread([&] { pipe.write("4"); });
    return false;
  });
  CHECK(source.peek(1) == "4");
  writer.join();
  CHECK(calls == 4);
  source.before_waiting([]() -> bool { throw Error(ErrorKind::io, "thrown"); });
  CHECK(source.read(to, 1, 16) == 1);
  CHECK(failure([&] { take(source, 1); }) == "thrown");
  source.before_waiting(nullptr);
  pipe.close();
  CHECK(take(source, 1) == "");
}

TEST_CASE("what has a size can be read anywhere without moving") {
  Folder folder;
  const std::string text = "0123456789";
  put_content(folder / "digits", text);
  for (const bool file : {true, false}) {
    CAPTURE(file);
    Source source = file ? Source::file(folder / "digits") : Source::memory(text, "digits");
    CHECK(source.size() == 10);
    CHECK(source.peek(4).starts_with("0123"));
    CHECK(take_at(source, 7, 2) == "78");
    CHECK(take_at(source, 8, 5) == "89");
    CHECK(take_at(source, 10, 5) == "");
    CHECK(take_at(source, 1000, 5) == "");
    CHECK(source.position() == 0);
    CHECK(take(source, 2) == "01");
  }
  Source pipe = Source::file(pipe_with(text));
  CHECK_FALSE(pipe.size());
}

TEST_CASE("a slice is read by itself, and keeps what it is of") {
  Folder folder;
  put_content(folder / "in", "0123456789");
  std::optional<Source> whole = Source::file(folder / "in");
  Source slice = whole->slice(2, 6, "in:member");
  Source inner = slice.slice(1, 3, "in:member:part");
  CHECK(slice.name() == "in:member");
  CHECK(slice.size() == 6);
  CHECK(take(*whole, 1) == "0");
  whole.reset();
  CHECK(slice.peek(2).starts_with("23"));
  CHECK(take(slice, 4) == "2345");
  CHECK(take_at(slice, 5, 10) == "7");
  CHECK(take_at(slice, 6, 10) == "");
  CHECK(take(inner, 10) == "345");
  slice.restrict_to(1, 3);
  CHECK(take(slice, 10) == "34");
  Source memory = Source::memory("0123456789", "memory").slice(3, 2, "memory:member");
  CHECK(memory.peek(1) == "34");
  memory.skip(1);
  CHECK(memory.peek(1) == "4");
}

TEST_CASE("a slice of what is not there is refused") {
  const Source source = Source::memory("0123", "memory");
  CHECK_THROWS_AS(source.slice(2, 3, "slice"), Error);
  CHECK_THROWS_AS(source.slice(5, 0, "slice"), Error);
  CHECK_THROWS_AS(source.slice(1, UINT64_MAX, "slice"), Error);
  const Source pipe = Source::file(pipe_with("0123"));
  CHECK_THROWS_AS(pipe.slice(0, 0, "slice"), Error);
}

TEST_CASE("the name is the path as given") {
  Folder folder;
  put_content(folder / "x", "");
  CHECK(Source::file(folder / "x").name() == folder / "x");
  CHECK(Source::memory("", "--tensor").name() == "--tensor");
}

TEST_CASE("what cannot be read gives the system's reason") {
  Folder folder;
  CHECK(failure([&] { Source::file(folder / "nothing"); }) ==
        folder / "nothing" + ": cannot open: No such file or directory");
  CHECK(failure([&] { Source::file(folder / ""); }) ==
        folder / "" + ": cannot read: Is a directory");
}

TEST_CASE("files of /proc say that they are empty, and are read all the same") {
  Source source = Source::file("/proc/self/status");
  CHECK_FALSE(source.size());
  CHECK(take(source, 5) == "Name:");
}

TEST_CASE("a file that grows ends where it ended when it was opened") {
  Folder folder;
  put_content(folder / "in", "12345");
  Source source = Source::file(folder / "in");
  CHECK(source.peek(2) == "12");
  std::ofstream(folder / "in", std::ios::app) << "6789";
  char to[16];
  CHECK(source.read(to, 4) == 4);
  CHECK(source.peek(100) == "5");
  CHECK(source.read(to, 16) == 1);
  CHECK(source.read(to, 16) == 0);
}

TEST_CASE("a file that is cut is an error where it should go on") {
  Folder folder;
  for (const bool anywhere : {false, true}) {
    put_content(folder / "in", "123456789");
    Source source = Source::file(folder / "in");
    char to[16];
    CHECK(source.read(to, 4) == 4);
    REQUIRE(::truncate((folder / "in").c_str(), 6) == 0);
    const auto read = [&] { return anywhere ? source.read_at(2, to, 7) : source.read(to, 16); };
    CHECK_THROWS_WITH_AS(
        read(),
        ((folder / "in") + ": cannot read: the file became shorter while it was read, "
                           "from 9 to 6 bytes")
            .c_str(),
        Error);
  }
}

TEST_CASE("a source that is moved goes on where it was") {
  Source source = Source::memory("abc", "in");
  CHECK(take(source, 1) == "a");
  Source moved = std::move(source);
  CHECK(take(moved, 5) == "bc");
}

// ---- Output ------------------------------------------------------------------------------------

TEST_CASE("a new file appears whole at commit, with the umask's mode") {
  Folder folder;
  const mode_t mask = ::umask(027);
  Output output = Output::file(folder / "new");
  output.write("some");
  output.write(" text");
  CHECK(output.position() == 9);
  output.flush();
  CHECK_FALSE(std::filesystem::exists(folder / "new"));
  output.commit();
  ::umask(mask);
  CHECK(content_of(folder / "new") == "some text");
  CHECK(mode_of(folder / "new") == 0640);
  CHECK(folder.names() == std::vector<std::string>{"new"});
}

TEST_CASE("a file gives way at commit, and its mode stays") {
  Folder folder;
  put_content(folder / "old", "old");
  REQUIRE(::chmod((folder / "old").c_str(), 0604) == 0);
  {
    Output output = Output::file(folder / "old");
    output.write("new");
    output.flush();
    CHECK(content_of(folder / "old") == "old");
    output.commit();
  }
  CHECK(content_of(folder / "old") == "new");
  CHECK(mode_of(folder / "old") == 0604);
  CHECK(folder.names() == std::vector<std::string>{"old"});
}

TEST_CASE("without commit everything is as it was") {
  Folder folder;
  put_content(folder / "old", "old");
  {
    Output old = Output::file(folder / "old");
    old.write(std::string(200000, 'x'));
    Output fresh = Output::file(folder / "new");
    fresh.write("new");
    Output moved = std::move(fresh);
    CHECK(folder.names().size() == (has_nameless_files(folder) ? 1 : 3));
  }
  CHECK(content_of(folder / "old") == "old");
  CHECK(folder.names() == std::vector<std::string>{"old"});
}

TEST_CASE("one output assigned to another discards what that has") {
  Folder folder;
  Output output = Output::file(folder / "a");
  output.write("a");
  output = Output::file(folder / "b");
  output.write("b");
  output.commit();
  CHECK(folder.names() == std::vector<std::string>{"b"});
}

TEST_CASE("symbolic links are followed and stay") {
  Folder folder;
  std::filesystem::create_directory(folder / "sub");
  put_content(folder / "sub/target", "old");
  std::filesystem::create_symlink("sub/target", folder / "link");
  std::filesystem::create_symlink("link", folder / "chain");
  std::filesystem::create_symlink("sub/absent", folder / "dangling");
  std::filesystem::create_symlink("loop", folder / "loop");
  for (const char* name : {"chain", "dangling"}) {
    Output output = Output::file(folder / name);
    output.write("new");
    output.commit();
  }
  CHECK(content_of(folder / "sub/target") == "new");
  CHECK(content_of(folder / "sub/absent") == "new");
  CHECK(std::filesystem::is_symlink(folder / "chain"));
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(std::filesystem::is_symlink(folder / "dangling"));
  CHECK(failure([&] { Output::file(folder / "loop"); }).find("oo many levels of symbolic links") !=
        std::string::npos);
}

TEST_CASE("bytes written earlier can be replaced before commit") {
  Folder folder;
  std::string text;
  for (const bool file : {true, false}) {
    Output output = file ? Output::file(folder / "x") : Output::memory(text);
    CHECK(output.can_overwrite());
    output.write("0123456789");
    output.overwrite(2, "ab");
    output.write("!");
    output.overwrite(0, "c");
    CHECK(output.position() == 11);
    output.commit();
  }
  CHECK(content_of(folder / "x") == "c1ab456789!");
  CHECK(text == "c1ab456789!");
}

TEST_CASE("many small and a few large writes arrive in order") {
  Folder folder;
  std::string expected;
  Output output = Output::file(folder / "x");
  for (std::size_t i = 0; i < 300; ++i) {
    const std::string piece(i % 7 == 0 ? 100000 : i, static_cast<char>('a' + i % 26));
    output.write(piece);
    expected += piece;
  }
  CHECK(output.position() == expected.size());
  output.commit();
  CHECK(content_of(folder / "x") == expected);
}

TEST_CASE("what is no regular file is written to directly") {
  Folder folder;
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  std::string got;
  std::thread reader([&] { got = content_of(folder / "fifo"); });
  {
    Output output = Output::file(folder / "fifo");
    CHECK_FALSE(output.can_overwrite());
    output.write("through");
    output.commit();
  }
  reader.join();
  CHECK(got == "through");
  CHECK(folder.names() == std::vector<std::string>{"fifo"});
}

TEST_CASE("a descriptor by its name is written to where it stands") {
  Folder folder;
  const int fd = ::open((folder / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  REQUIRE(::write(fd, "before ", 7) == 7);
  Output output = Output::file("/dev/fd/" + std::to_string(fd));
  CHECK_FALSE(output.can_overwrite());
  output.write("text");
  output.commit();
  REQUIRE(::write(fd, " after", 6) == 6);
  ::close(fd);
  CHECK(content_of(folder / "log") == "before text after");
  CHECK(failure([&] { Output::file("/dev/fd/987"); }) ==
        "/dev/fd/987: cannot write: Bad file descriptor");
}

TEST_CASE("what cannot be written gives the system's reason") {
  Folder folder;
  CHECK(failure([&] { Output::file(folder / "no/file"); }) ==
        folder / "no/file" + ": cannot write: No such file or directory");
  CHECK(failure([&] { Output::file(folder / ""); }) ==
        folder / "" + ": cannot write: Is a directory");
  if (std::filesystem::exists("/dev/full")) {
    CHECK(failure([&] {
            Output output = Output::file("/dev/full");
            output.write("x");
            output.commit();
          }) == "/dev/full: write error: No space left on device");
  }
}

TEST_CASE("a reader that is gone is no error") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  Output output = Output::file("/dev/fd/" + std::to_string(ends[1]));
  ::close(ends[0]);
  ::close(ends[1]);
  output.write("x");
  CHECK_THROWS_AS(output.flush(), ReaderGone);
  std::signal(SIGPIPE, before);
}

TEST_CASE("a signal handler can remove what is not committed") {
  Folder folder;
  std::vector<Output> outputs;
  for (int i = 0; i < 10; ++i) outputs.push_back(Output::file(folder / std::to_string(i)));
  const bool nameless = has_nameless_files(folder);
  CHECK(folder.names().size() == (nameless ? 0 : 10));
  remove_temporaries();
  // Of more than eight at once, their Outputs take care.
  CHECK(folder.names().size() == (nameless ? 0 : 2));
  outputs.clear();
  CHECK(folder.names().empty());
}

}  // namespace
}  // namespace rectify
