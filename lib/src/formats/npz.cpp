// NumPy's .npz: a zip archive of .npy files, as savez and savez_compressed write it. Stored members
// are read where they lie, deflated ones as they are inflated.

#include "npz.hpp"

#include <set>
#include <utility>

#include "dispatch.hpp"
#include "io/inflate.hpp"
#include "kernels/crc.hpp"
#include "npy.hpp"
#include "pt.hpp"

namespace rectify::inline v1 {
namespace {

constexpr std::string_view kExtension = ".npy";

/// A member's bytes from the start, as they are.
Source open_member(const Source& file, const ZipMember& member, const std::string& place) {
  Source slice = file.slice(member.begin, member.compressed, place);
  if (!member.deflated) return slice;
  return Source(inflate(std::move(slice), {member.size, member.crc}), place);
}

std::string name_of_array(const ZipMember& member) {
  return member.name.substr(0, member.name.size() - kExtension.size());
}

Array array_of(const std::shared_ptr<const Source>& file, const ZipMember& member,
               std::optional<DType> wanted) {
  std::string name = name_of_array(member);
  const std::string place = place_of(file->name(), name);
  Source source = open_member(*file, member, place);
  const NpyHead head = read_npy_head(source, wanted);
  Array array;
  const std::uint64_t begin = source.position();
  array.entry = {std::move(name), head.descr, head.dtype, head.shape, head.bytes};
  array.swapped = head.swapped;
  if (!head.dtype) {  // of what size is not known; refused if it is to be read
    array.entry.bytes = member.size - begin;
    array.refusal = head.refusal;
    array.hint = head.hint;
    return array;
  }
  if (member.size - begin != head.bytes) {
    throw Error(ErrorKind::data,
                "shape " + to_string(head.shape) + " of " + in_quotes(head.descr) + " takes " +
                    std::to_string(head.bytes) + " bytes, and " +
                    std::to_string(member.size - begin) + " are there",
                {}, {place});
  }
  if (head.fortran) {
    std::int64_t stride = 1;
    for (const std::int64_t size : head.shape) {
      array.strides.push_back(stride);
      stride *= size;
    }
  }
  if (member.deflated) {
    array.open = [file, member, place, begin] {
      Source opened = open_member(*file, member, place);
      opened.skip(begin);
      return opened;
    };
    return array;
  }
  array.begin = member.begin + begin;
  if (!array.strides.empty()) array.check = [file, member] { check_stored(*file, member); };
  std::string before(static_cast<std::size_t>(begin), '\0');
  source.read_at(0, before.data(), before.size());
  if (array.strides.empty())
    array.checksum = {crc32_of(0, before.data(), before.size()), member.crc};
  array.open = [file, at = member.begin + begin, bytes = head.bytes, place] {
    return file->slice(at, bytes, place);
  };
  return array;
}

// ---- writing -----------------------------------------------------------------------------------

class NpzEncoder final : public detail::Encoder {
 public:
  explicit NpzEncoder(Output& output) : output_(output), zip_(output) {}

  bool is_container() const override { return true; }

  // Of several tensors at a time each has a place of its own, which takes to know its size.
  bool takes_slabs(const Result& result, std::size_t columns) const override {
    return columns == 1 ? result.length.has_value() || output_.can_overwrite()
                        : result.length.has_value() && output_.can_overwrite();
  }

  /// What is appended is the checksum of each column.
  void encode(Result& result, std::string& text) const override {
    for (const Column& column : result.columns) {
      check_npy(column.tensor);
      const std::uint32_t crc = crc32_of(0, column.tensor.bytes(), column.tensor.nbytes());
      for (int i = 0; i < 4; ++i) text += static_cast<char>(crc >> (8 * i) & 0xFF);
    }
  }

  void put(const Result& result, std::string_view text) override {
    std::string name = result.name;
    if (result.begins) {
      if (!is_named(result)) name = "arr_" + std::to_string(nameless_++);
      members_.assign(result.columns.size(), {});
    }
    const bool placed = members_.size() > 1 && !(result.begins && result.ends);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const Tensor& tensor = result.columns[i].tensor;
      Member& member = members_[i];
      if (result.begins) begin(member, name_of(name, result.columns[i]), result, tensor, placed);
      std::uint32_t crc = 0;
      for (std::size_t k = 4; k-- > 0;) crc = crc << 8 | static_cast<unsigned char>(text[k]);
      text.remove_prefix(4);
      const std::string_view bytes(reinterpret_cast<const char*>(tensor.bytes()), tensor.nbytes());
      if (member.room) {
        member.room->fill(output_, bytes);
      } else {
        zip_.write(bytes);
      }
      member.crc = crc32_joined(member.crc, crc, tensor.nbytes());
      if (!member.shape.empty()) member.rows += tensor.shape()[0];
      if (result.ends) end(member, tensor);
    }
  }

  void finish() override { zip_.finish(); }

 private:
  /// One of the tensors at hand.
  struct Member {
    std::size_t number = 0;
    Shape shape;
    std::int64_t rows = 0;
    std::uint32_t crc = 0;     // of the data
    std::optional<Room> room;  // if they are not appended
  };

  void begin(Member& member, const std::string& name, const Result& result, const Tensor& tensor,
             bool placed) {
    if (!names_.insert(name).second)
      throw Error(ErrorKind::unsupported, "two tensors are called " + in_quotes(name));
    member.shape = tensor.shape();
    if (!result.ends) member.shape[0] = result.length.value_or(0);
    member.number = zip_.begin(name + std::string(kExtension));
    zip_.write(npy_header(tensor.dtype(), member.shape));
    if (!placed) return;
    const auto count = static_cast<std::uint64_t>(numel(member.shape, tensor.dtype()));
    member.room.emplace(output_, count * itemsize(tensor.dtype()));
    zip_.count(count * itemsize(tensor.dtype()));
  }

  void end(Member& member, const Tensor& tensor) {
    if (member.room) member.room->check_full();
    std::string header = npy_header(tensor.dtype(), member.shape);
    if (!member.shape.empty() && member.rows != member.shape[0]) {
      member.shape[0] = member.rows;
      header = npy_header(tensor.dtype(), member.shape);
      output_.overwrite(zip_.data_begin(member.number), header);
    }
    const std::uint32_t before = crc32_of(0, header.data(), header.size());
    const std::uint64_t data = zip_.size(member.number) - header.size();
    zip_.end(member.number, crc32_joined(before, member.crc, data));
  }

  Output& output_;
  ZipWriter zip_;
  std::set<std::string> names_;
  std::size_t nameless_ = 0;
  std::vector<Member> members_;
};

}  // namespace

Arrays read_npz(const std::shared_ptr<const Source>& file, const std::vector<ZipMember>& members,
                std::optional<DType> wanted) {
  Arrays arrays;
  arrays.any_order = true;
  for (const ZipMember& member : members) {
    if (member.name.ends_with('/')) continue;  // a folder
    const bool is_array = member.name.ends_with(kExtension);
    if (!is_array || !member.refusal.empty()) {  // bytes, as numpy.load gives; refused if chosen
      Array& other = arrays.arrays.emplace_back();
      other.entry = {is_array ? name_of_array(member) : member.name,
                     "bytes",
                     std::nullopt,
                     {static_cast<std::int64_t>(member.size)},
                     member.size};
      other.refusal =
          is_array ? member.refusal : "it is not a .npy file, as the members of an .npz are";
      continue;
    }
    arrays.arrays.push_back(array_of(file, member, wanted));
  }
  return arrays;
}

std::unique_ptr<Decoder> zip_decoder(Source& source, const ReadOptions& options,
                                     const Wanted& wanted) {
  std::shared_ptr<const Source> file(&source, [](const Source*) {});
  if (!source.size()) {
    // The directory stands at the end: what cannot be gone back in is taken into memory.
    std::string text;
    constexpr std::size_t kBlock = std::size_t{1} << 20;
    for (std::size_t got = 1; got != 0;) {
      const std::size_t before = text.size();
      if (text.capacity() < before + kBlock) text.reserve(2 * before + kBlock);
      text.resize(before + kBlock);
      got = source.read(text.data() + before, kBlock);
      text.resize(before + got);
    }
    file = std::make_shared<const Source>(memory_reader(std::move(text)), source.name());
  }
  const std::vector<ZipMember> members = read_zip(*file);
  if (find_pickle(members) != nullptr)
    return arrays_decoder(source, read_pt(file, members), options, wanted);
  const bool has_arrays =
      members.empty() || std::any_of(members.begin(), members.end(), [](const ZipMember& member) {
        return member.name.ends_with(kExtension);
      });
  if (!has_arrays) {
    throw Error(
        ErrorKind::data,
        "this is a zip archive without arrays: its first member is " + in_quotes(members[0].name),
        "unzip -p FILE MEMBER | rectify", {source.name()});
  }
  return arrays_decoder(source, read_npz(file, members, options.dtype), options, wanted);
}

std::unique_ptr<detail::Encoder> npz_encoder(Output& output, const WriteOptions&) {
  return std::make_unique<NpzEncoder>(output);
}

}  // namespace rectify::inline v1
