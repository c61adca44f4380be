#include "zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "io/inflate.hpp"
#include "kernels/crc.hpp"
#include "rectify/error.hpp"
#include "utf8.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50,
                        kEnd64 = 0x06064b50, kLocator64 = 0x07064b50, kDescriptor = 0x08074b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                      kLocatorBytes = 20;
constexpr std::uint16_t kZip64Extra = 1;
constexpr std::uint16_t kEncrypted = 1, kDescribed = 8, kPatched = 1 << 5,
                        kStronglyEncrypted = 1 << 6, kUtf8 = 1 << 11;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;  // the value is in the zip64 record
constexpr std::uint64_t kMostDirectoryBytes = std::uint64_t{256} << 20;

/// Numbers of a record, little endian.
class Record {
 public:
  explicit Record(std::string_view bytes) : bytes_(bytes) {}

  template <class T>
  T take() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T) && i < bytes_.size(); ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes_[i])) << (8 * i);
    skip(sizeof(T));
    return static_cast<T>(value);
  }
  void skip(std::size_t size) { bytes_.remove_prefix(std::min(size, bytes_.size())); }
  std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

std::string read(const Source& source, std::uint64_t at, std::size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(source.read_at(at, bytes.data(), size));
  return bytes;
}

[[noreturn]] void fail(const Source& source, std::string message, std::string hint = {}) {
  throw Error(ErrorKind::data, std::move(message), std::move(hint), {source.name()});
}

[[noreturn]] void fail_member(const Source& source, const std::string& member,
                              std::string message) {
  throw Error(ErrorKind::data, std::move(message), {}, {source.name() + ":" + member});
}

/// What the bytes from 0x80 on are in code page 437, which names are in that are not said to be UTF-8.
constexpr char16_t kCodePage437[] =
    u"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ"
    u"áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
    u"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
    u"αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00A0";

std::string from_code_page_437(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
      continue;
    }
    const unsigned code = kCodePage437[byte - 0x80];
    if (code >= 0x800) text += static_cast<char>(0xE0 | code >> 12);
    text += static_cast<char>(code >= 0x800 ? 0x80 | (code >> 6 & 0x3F) : 0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
  return text;
}

bool is_utf8(std::string_view text) {
  std::uint32_t code = 0;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text, code);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

struct Directory {
  std::uint64_t begin = 0, size = 0, count = 0;
};

/// The end record, behind which nothing may stand but its comment, and zeros that fill up a block.
Directory find_directory(const Source& source) {
  const std::uint64_t file = *source.size();
  const auto tail_size =
      static_cast<std::size_t>(std::min<std::uint64_t>(file, kEndBytes + 0xFFFF));
  const std::string tail = read(source, file - tail_size, tail_size);
  std::size_t at = std::string::npos;
  std::size_t behind = 0;  // bytes behind what may have been the end
  for (std::size_t i = tail.size() >= kEndBytes ? tail.size() - kEndBytes + 1 : 0; i-- > 0;) {
    Record record(std::string_view(tail).substr(i));
    if (record.take<std::uint32_t>() != kEnd) continue;
    record.skip(kEndBytes - 6);
    const auto comment = record.take<std::uint16_t>();
    if (comment > record.rest().size()) continue;
    if (record.rest().find_first_not_of('\0', comment) != std::string_view::npos) {
      behind = std::max(behind, record.rest().size() - comment);
      continue;
    }
    at = i;
    break;
  }
  if (at == std::string::npos) {
    const std::string head = read(source, 0, 8);
    if (!head.starts_with("PK"))
      fail(source, "this is not a zip archive, as .npz and .pt files are: it begins with " +
                       in_quotes(head));
    if (behind != 0) {
      fail(source, "the zip archive ends at byte " + std::to_string(file - behind) +
                       " of the file's " + std::to_string(file));
    }
    fail(source, "the zip archive has no directory at its end",
         "the file was cut short, or something was appended");
  }
  Record record(std::string_view(tail).substr(at + 4));
  const auto disk = record.take<std::uint16_t>();
  const auto directory_disk = record.take<std::uint16_t>();
  const auto here = record.take<std::uint16_t>();
  Directory directory;
  directory.count = record.take<std::uint16_t>();
  directory.size = record.take<std::uint32_t>();
  directory.begin = record.take<std::uint32_t>();
  std::uint64_t end = file - tail.size() + at;
  const bool wide =
      directory.count == 0xFFFF || directory.size == kIn64 || directory.begin == kIn64;
  if (end >= kLocatorBytes) {
    if (const std::string bytes = read(source, end - kLocatorBytes, kLocatorBytes);
        Record(bytes).take<std::uint32_t>() == kLocator64) {
      Record fields(bytes);
      fields.skip(8);
      const auto where = fields.take<std::uint64_t>();
      if (where > end - kLocatorBytes || end - kLocatorBytes - where < kEnd64Bytes)
        fail(source, "the zip64 end record is said to be where it cannot be");
      const std::string text = read(source, where, kEnd64Bytes);
      Record end64(text);
      if (end64.take<std::uint32_t>() != kEnd64) fail(source, "the zip64 end record is not there");
      end64.skip(20);
      const auto here64 = end64.take<std::uint64_t>();
      directory.count = end64.take<std::uint64_t>();
      directory.size = end64.take<std::uint64_t>();
      directory.begin = end64.take<std::uint64_t>();
      if (here64 != directory.count) fail(source, "the zip archive is one of several volumes");
      end = where;
    } else if (wide && directory.count != 0xFFFF) {
      fail(source, "the zip64 end record is not there");
    }
  }
  if ((disk != 0 && disk != 0xFFFF) || (directory_disk != 0 && directory_disk != 0xFFFF) ||
      (!wide && here != directory.count && here != 0xFFFF))
    fail(source, "the zip archive is one of several volumes");
  if (directory.size > end || directory.begin != end - directory.size) {
    fail(source, "the zip directory is said to begin at " + std::to_string(directory.begin) +
                     " and to have " + std::to_string(directory.size) + " bytes, and ends at " +
                     std::to_string(end));
  }
  if (directory.size > kMostDirectoryBytes || directory.count > directory.size / kCentralBytes)
    fail(source, "the zip directory is said to have " + std::to_string(directory.count) +
                     " members in " + std::to_string(directory.size) + " bytes");
  return directory;
}

/// Of an extra field's zip64 record the values of those that say so, in their order.
void take_wide(std::string_view extra, std::initializer_list<std::uint64_t*> values) {
  Record fields(extra);
  while (fields.rest().size() >= 4) {
    const auto id = fields.take<std::uint16_t>();
    const auto size = fields.take<std::uint16_t>();
    if (id == kZip64Extra) {
      Record wide(fields.rest().substr(0, size));
      for (std::uint64_t* value : values) {
        if (*value == kIn64 && wide.rest().size() >= 8) *value = wide.take<std::uint64_t>();
      }
      return;
    }
    fields.skip(size);
  }
}

/// Compares what stands in front of a member with the directory, and goes to its data.
void check_local(const Source& source, ZipMember& member, std::uint64_t at, std::uint16_t method,
                 bool is_encrypted, std::uint64_t directory) {
  const std::string bytes = read(source, at, kLocalBytes + member.name.size());
  Record local(bytes);
  if (local.take<std::uint32_t>() != kLocal || bytes.size() < kLocalBytes)
    fail_member(source, member.name, "the zip directory leads to where no member begins");
  local.skip(2);
  const auto flags = local.take<std::uint16_t>();
  const auto own_method = local.take<std::uint16_t>();
  local.skip(4);
  const auto crc = local.take<std::uint32_t>();
  std::uint64_t compressed = local.take<std::uint32_t>();
  std::uint64_t size = local.take<std::uint32_t>();
  const auto name = local.take<std::uint16_t>();
  const auto extra = local.take<std::uint16_t>();
  if (name != member.name.size() || local.rest() != member.name)
    fail_member(source, member.name, "it has another name than in the zip directory");
  if (compressed == kIn64 || size == kIn64) {
    const std::string fields = read(source, at + kLocalBytes + name, extra);
    take_wide(fields, {&size, &compressed});
  }
  // What stands behind the data is zero here, or a size that is in no zip64 record.
  const bool described = (flags & kDescribed) != 0;
  const auto differs = [&](std::uint64_t here, std::uint64_t there, std::uint64_t unsaid) {
    return here != there && !(described && (here == 0 || here == unsaid));
  };
  if (own_method != method || ((flags & kEncrypted) != 0) != is_encrypted ||
      differs(crc, member.crc, 0) || differs(compressed, member.compressed, kIn64) ||
      differs(size, member.size, kIn64))
    fail_member(source, member.name,
                "its size, checksum or method is another than in the zip directory");
  member.begin = at + kLocalBytes + name + extra;
  if (member.begin > directory || member.compressed > directory - member.begin)
    fail_member(source, member.name, "its data are said to go on into the zip directory");
}

void put(std::string& text, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
}

}  // namespace

std::vector<ZipMember> read_zip(const Source& source) {
  const Directory directory = find_directory(source);
  const std::string text = read(source, directory.begin, static_cast<std::size_t>(directory.size));
  std::vector<ZipMember> members;
  std::vector<std::uint64_t> begins;
  std::set<std::string> names;
  Record record(text);
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    if (record.rest().size() < kCentralBytes || record.take<std::uint32_t>() != kCentral)
      fail(source,
           "the zip directory ends before its " + std::to_string(directory.count) + " members");
    record.skip(4);
    const auto flags = record.take<std::uint16_t>();
    const auto method = record.take<std::uint16_t>();
    record.skip(4);
    ZipMember member;
    member.crc = record.take<std::uint32_t>();
    member.compressed = record.take<std::uint32_t>();
    member.size = record.take<std::uint32_t>();
    const auto name = record.take<std::uint16_t>();
    const auto extra = record.take<std::uint16_t>();
    const auto comment = record.take<std::uint16_t>();
    record.skip(8);
    std::uint64_t begin = record.take<std::uint32_t>();
    if (record.rest().size() < std::size_t{name} + extra + comment)
      fail(source, "the zip directory ends inside a member");
    member.name = record.rest().substr(0, name);
    take_wide(record.rest().substr(name, extra), {&member.size, &member.compressed, &begin});
    record.skip(std::size_t{name} + extra + comment);
    const bool is_encrypted = (flags & kEncrypted) != 0;
    if (is_encrypted || (flags & kStronglyEncrypted) != 0) {
      member.refusal = "it is encrypted";
    } else if ((flags & kPatched) != 0) {
      member.refusal = "it is a patch of another file's data";
    } else if (method != 0 && method != Z_DEFLATED) {
      member.refusal = "it is compressed by method " + std::to_string(method) +
                       ", and stored and deflated members are read";
    }
    member.deflated = method == Z_DEFLATED;
    if (method == 0 && member.refusal.empty() && member.size != member.compressed)
      fail_member(source, member.name, "it is stored, and yet said to have two sizes");
    if (begin > directory.begin)
      fail_member(source, member.name, "it is said to begin in the zip directory");
    check_local(source, member, begin, method, is_encrypted, directory.begin);
    if ((flags & kUtf8) == 0) {
      member.name = from_code_page_437(member.name);
    } else if (!is_utf8(member.name)) {
      fail_member(source, member.name, "its name is not UTF-8, as the zip directory says");
    }
    if (!names.insert(member.name).second)
      fail_member(source, member.name, "two members have this name");
    begins.push_back(begin);
    members.push_back(std::move(member));
  }
  if (!record.rest().empty()) fail(source, "bytes follow the last member of the zip directory");
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return begins[a] < begins[b]; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const ZipMember& before = members[order[i - 1]];
    if (before.begin + before.compressed > begins[order[i]]) {
      fail_member(source, members[order[i]].name,
                  "it is said to overlap the member " + in_quotes(before.name));
    }
  }
  return members;
}

std::string read_member(const Source& source, const ZipMember& member, std::size_t most) {
  const std::string place = source.name() + ":" + member.name;
  if (!member.refusal.empty()) throw Error(ErrorKind::data, member.refusal, {}, {place});
  if (member.size > most) {
    throw Error(ErrorKind::data,
                "it has " + std::to_string(member.size) + " bytes, and at most " +
                    std::to_string(most) + " are read",
                {}, {place});
  }
  Source slice = source.slice(member.begin, member.compressed, place);
  if (member.deflated) slice = Source(inflate(std::move(slice), {member.size, member.crc}), place);
  std::string text;
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  for (;;) {  // a lie about the size costs no more memory than there is
    const std::size_t before = text.size();
    text.resize(before + std::min(kBlock, most - before + 1));
    const std::size_t got = slice.read(text.data() + before, text.size() - before);
    text.resize(before + got);
    if (got == 0) break;
  }
  const std::uint32_t crc = crc32_of(0, text.data(), text.size());
  if (crc != member.crc || text.size() != member.size)
    throw Error(ErrorKind::data, "the checksum (CRC-32) is not that of the archive: damaged", {},
                {place});
  return text;
}

void check_stored(const Source& source, const ZipMember& member) {
  std::string block(std::size_t{1} << 20, '\0');
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < member.size;) {
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), member.size - at));
    const std::size_t got = source.read_at(member.begin + at, block.data(), size);
    crc = crc32_of(crc, block.data(), got);
    if (got < size) break;
    at += got;
  }
  if (crc != member.crc)
    fail_member(source, member.name, "the checksum (CRC-32) is not that of the archive: damaged");
}

std::string ZipWriter::local_header(const Member& member) const {
  const bool described = !output_.can_overwrite();
  std::string text;
  put(text, kLocal, 4);
  put(text, 45, 2);  // the version that has zip64
  put(text, kUtf8 | (described ? kDescribed : 0), 2);
  put(text, 0, 2);  // stored
  put(text, 0, 2);
  put(text, 0x21, 2);  // 1980-01-01: the same bytes at any time
  put(text, described ? 0 : member.crc, 4);
  put(text, kIn64, 4);
  put(text, kIn64, 4);
  put(text, member.name.size(), 2);
  put(text, 20, 2);
  text += member.name;
  put(text, kZip64Extra, 2);
  put(text, 16, 2);
  put(text, described ? 0 : member.size, 8);
  put(text, described ? 0 : member.size, 8);
  return text;
}

std::size_t ZipWriter::begin(const std::string& name) {
  if (name.size() > 0xFFFF)
    throw Error(ErrorKind::unsupported, "a name of more than 65535 bytes has no zip archive");
  if (!is_utf8(name)) {
    throw Error(ErrorKind::unsupported,
                "the name " + in_quotes(name) + " is not UTF-8, as an archive's names are");
  }
  if (members_.empty()) start_ = output_.position();
  members_.push_back({name, output_.position() - start_});
  output_.write(local_header(members_.back()));
  members_.back().data_begin = output_.position();
  return members_.size() - 1;
}

void ZipWriter::write(std::string_view bytes) {
  output_.write(bytes);
  count(bytes.size());
}

void ZipWriter::end(std::size_t number, std::uint32_t crc) {
  Member& member = members_[number];
  member.crc = crc;
  if (output_.can_overwrite()) {
    output_.overwrite(start_ + member.begin, local_header(member));
    return;
  }
  std::string text;
  put(text, kDescriptor, 4);
  put(text, crc, 4);
  put(text, member.size, 8);
  put(text, member.size, 8);
  output_.write(text);
}

void ZipWriter::finish() {
  if (members_.empty()) start_ = output_.position();
  const std::uint64_t begin = output_.position() - start_;
  const bool described = !output_.can_overwrite();
  for (const Member& member : members_) {
    const bool wide_size = member.size >= kIn64;
    const bool wide_begin = member.begin >= kIn64;
    const std::size_t extra = (wide_size ? 16u : 0u) + (wide_begin ? 8u : 0u);
    std::string text;
    put(text, kCentral, 4);
    put(text, 3 << 8 | 45, 2);  // made on Unix
    put(text, 45, 2);
    put(text, kUtf8 | (described ? kDescribed : 0), 2);
    put(text, 0, 2);
    put(text, 0, 2);
    put(text, 0x21, 2);
    put(text, member.crc, 4);
    put(text, wide_size ? kIn64 : member.size, 4);
    put(text, wide_size ? kIn64 : member.size, 4);
    put(text, member.name.size(), 2);
    put(text, extra == 0 ? 0 : 4 + extra, 2);
    put(text, 0, 2);
    put(text, 0, 2);
    put(text, 0, 2);
    put(text, std::uint64_t{0100644} << 16, 4);
    put(text, wide_begin ? kIn64 : member.begin, 4);
    text += member.name;
    if (extra != 0) {
      put(text, kZip64Extra, 2);
      put(text, extra, 2);
      if (wide_size) put(text, member.size, 8);
      if (wide_size) put(text, member.size, 8);
      if (wide_begin) put(text, member.begin, 8);
    }
    output_.write(text);
  }
  const std::uint64_t end = output_.position() - start_;
  const bool wide = members_.size() >= 0xFFFF || begin >= kIn64 || end - begin >= kIn64;
  std::string text;
  if (wide) {
    put(text, kEnd64, 4);
    put(text, kEnd64Bytes - 12, 8);
    put(text, 3 << 8 | 45, 2);
    put(text, 45, 2);
    put(text, 0, 8);
    put(text, members_.size(), 8);
    put(text, members_.size(), 8);
    put(text, end - begin, 8);
    put(text, begin, 8);
    put(text, kLocator64, 4);
    put(text, 0, 4);
    put(text, end, 8);
    put(text, 1, 4);
  }
  put(text, kEnd, 4);
  put(text, 0, 4);
  put(text, std::min<std::size_t>(members_.size(), 0xFFFF), 2);
  put(text, std::min<std::size_t>(members_.size(), 0xFFFF), 2);
  put(text, wide ? kIn64 : end - begin, 4);
  put(text, wide ? kIn64 : begin, 4);
  put(text, 0, 2);
  output_.write(text);
}

}  // namespace rectify::inline v1
