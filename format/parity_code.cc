#include "format/parity_code.h"

#include <isa-l.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "format/checksum.h"
#include "format/frame.h"

namespace session::format {
namespace {

// Data of several stripes is read at once, in runs long enough for the system, and little enough to
// stay near the processor.
constexpr std::uint64_t kBatchBytes = 4U << 20;
constexpr std::size_t kCheckBytes = std::size_t{1} << 20;
// ISA-L expands each coefficient to a table of this size.
constexpr std::size_t kCoefficientBytes = 32;
constexpr std::uint32_t kHashesInPage = kParityPageNumbers - 1;

unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

unsigned char coefficient(std::uint32_t width, std::uint32_t row, std::uint32_t column) {
  return gf_inv(static_cast<unsigned char>((width + row) ^ column));
}

void add(Bytes bytes, std::byte* to) {
  std::transform(bytes.begin(), bytes.end(), to, to,
                 [](std::byte a, std::byte b) { return a ^ b; });
}

// Multiplies blocks by a matrix of `outputs` rows and `inputs` columns. Only so many columns at
// once that their coefficients stay in the first-level cache; the products are added up.
class Matrix {
 public:
  Matrix(std::uint32_t inputs, std::uint32_t outputs, std::span<const unsigned char> coefficients)
      : inputs_(inputs), outputs_(outputs) {
    for (std::uint32_t first = 0; first < inputs; first += kColumns) {
      const std::uint32_t count = std::min(kColumns, inputs - first);
      std::vector<unsigned char> part;
      for (std::uint32_t row = 0; row < outputs; ++row) {
        const auto columns = coefficients.subspan(std::size_t{row} * inputs + first, count);
        part.insert(part.end(), columns.begin(), columns.end());
      }
      parts_.emplace_back(kCoefficientBytes * part.size());
      ec_init_tables(static_cast<int>(count), static_cast<int>(outputs), part.data(),
                     parts_.back().data());
    }
  }

  void multiply(std::size_t block_bytes, std::span<std::byte* const> in,
                std::span<std::byte* const> out) {
    multiply_part(0, block_bytes, in, out);
    if (parts_.size() == 1) return;
    sum_.resize(out.size() * block_bytes);
    std::array<std::byte*, kMaxStripeBlocks> sums{};
    for (std::size_t row = 0; row < out.size(); ++row) sums[row] = sum_.data() + row * block_bytes;
    for (std::size_t part = 1; part < parts_.size(); ++part) {
      multiply_part(part, block_bytes, in, std::span(sums).first(out.size()));
      for (std::size_t row = 0; row < out.size(); ++row) add({sums[row], block_bytes}, out[row]);
    }
  }

 private:
  static constexpr std::uint32_t kColumns = 64;

  void multiply_part(std::size_t part, std::size_t block_bytes, std::span<std::byte* const> in,
                     std::span<std::byte* const> out) {
    in = in.subspan(part * kColumns, std::min<std::size_t>(kColumns, inputs_ - part * kColumns));
    std::array<unsigned char*, kColumns> from{};
    std::array<unsigned char*, kMaxStripeBlocks> to{};
    std::transform(in.begin(), in.end(), from.begin(), raw);
    std::transform(out.begin(), out.end(), to.begin(), raw);
    ec_encode_data(static_cast<int>(block_bytes), static_cast<int>(in.size()),
                   static_cast<int>(outputs_), parts_[part].data(), from.data(), to.data());
  }

  std::uint32_t inputs_;
  std::uint32_t outputs_;
  std::vector<std::vector<unsigned char>> parts_;  // the tables of kColumns columns each
  std::vector<std::byte> sum_;
};

Matrix parity_matrix(std::uint32_t width, std::span<const std::uint32_t> rows) {
  std::vector<unsigned char> coefficients;
  coefficients.reserve(rows.size() * width);
  for (const std::uint32_t row : rows) {
    for (std::uint32_t c = 0; c < width; ++c) coefficients.push_back(coefficient(width, row, c));
  }
  return {width, static_cast<std::uint32_t>(rows.size()), coefficients};
}

// In GF(2^8) with the polynomial 0x11D, as ISA-L has it. Its own gf_mul, and with it its inversion
// of matrices, must not be called: libcrypto has another function of that name, and an executable
// with both calls that one.
unsigned char product(unsigned char a, unsigned char b) {
  unsigned result = 0;
  for (unsigned shifted = a, bits = b; bits != 0; bits >>= 1) {
    if ((bits & 1) != 0) result ^= shifted;
    shifted = (shifted << 1) ^ ((shifted & 0x80) != 0 ? 0x11DU : 0U);
  }
  return static_cast<unsigned char>(result);
}

// The product of `of` + each of `others`, itself left out.
unsigned char product_of_sums(unsigned char of, std::span<const unsigned char> others) {
  unsigned char result = 1;
  for (const unsigned char other : others) {
    if (other != of) result = product(result, of ^ other);
  }
  return result;
}

// From what the good parity blocks of `rows` still lack to the data blocks of `columns`: the
// inverse of the matrix of 1 / (x + y), for which there is a formula (Schechter 1959).
Matrix solving_matrix(std::uint32_t width, std::span<const std::uint32_t> rows,
                      std::span<const std::uint32_t> columns) {
  std::vector<unsigned char> x;
  std::vector<unsigned char> y;
  for (const std::uint32_t row : rows) x.push_back(static_cast<unsigned char>(width + row));
  for (const std::uint32_t column : columns) y.push_back(static_cast<unsigned char>(column));
  std::vector<unsigned char> inverse;
  for (const unsigned char b : y) {
    const unsigned char above = product_of_sums(b, x);
    const unsigned char below = product_of_sums(b, y);
    for (const unsigned char a : x) {
      const unsigned char denominator = product(product(a ^ b, below), product_of_sums(a, x));
      inverse.push_back(product(product(above, product_of_sums(a, y)), gf_inv(denominator)));
    }
  }
  const auto size = static_cast<std::uint32_t>(rows.size());
  return {size, size, inverse};
}

std::uint64_t page_hash(const ParityGroup& group, std::uint64_t page, Bytes hashes) {
  return xxh3_64(hashes, group.parity_begin + page);
}

std::vector<std::byte> encode_table(const ParityGroup& group,
                                    std::span<const std::uint64_t> hashes) {
  std::vector<std::byte> table(group.table_bytes());
  std::size_t at = 0;
  for (std::uint64_t page = 0; !hashes.empty(); ++page) {
    const auto part = hashes.first(std::min<std::size_t>(hashes.size(), kHashesInPage));
    const Bytes bytes = std::as_bytes(part);
    std::copy(bytes.begin(), bytes.end(), table.begin() + static_cast<std::ptrdiff_t>(at));
    store(std::span(table), at + bytes.size(), page_hash(group, page, bytes));
    at += bytes.size() + sizeof(std::uint64_t);
    hashes = hashes.subspan(part.size());
  }
  return table;
}

// Bytes [offset, offset + size) counted from the first of the group's blocks, which begins before
// the range when the range is no whole number of blocks: there it reads zeros.
void read_padded(const ParityGroup& group, const ReadAt& read, std::uint64_t at,
                 std::span<std::byte> into) {
  const std::uint64_t padding =
      (std::uint64_t{group.width()} * group.stripes << group.block_log2) - group.range_bytes();
  if (at < padding) {
    const auto zeros = static_cast<std::size_t>(std::min<std::uint64_t>(padding - at, into.size()));
    std::fill_n(into.begin(), zeros, std::byte{0});
    into = into.subspan(zeros);
    at += zeros;
  }
  if (!into.empty()) read(group.begin + (at - padding), into);
}

// Blocks [block, block + count) of the range, as the file has them: the first may be short.
ByteRange range_of_blocks(const ParityGroup& group, std::uint32_t block, std::uint32_t count) {
  const std::uint64_t behind = std::uint64_t{group.blocks() - block - count} << group.block_log2;
  const std::uint64_t length = std::uint64_t{count} << group.block_log2;
  const std::uint64_t before_end = group.range_bytes() - behind;
  return {group.begin + (before_end - std::min(before_end, length)), group.begin + before_end};
}

class Encoder {
 public:
  Encoder(const ParityGroup& group, const ReadAt& read)
      : group_(group),
        read_(read),
        block_bytes_(group.block_bytes()),
        batch_stripes_(static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
            kBatchBytes / (std::uint64_t{group.width()} << group.block_log2), 1, group.stripes))),
        matrix_(parity_matrix(group.width(), all_rows(group.rows))),
        run_bytes_((std::size_t{batch_stripes_} << group.block_log2) + kAlignBytes),
        data_(run_bytes_ * group.width()),
        hashes_(group.blocks() + group.parity_blocks()),
        stream_(group.stream_bytes()) {}

  std::vector<std::byte> run(const ReadProgress& progress) {
    for (std::uint32_t stripe = 0; stripe < group_.stripes; stripe += batch_stripes_) {
      const std::uint32_t count = std::min(batch_stripes_, group_.stripes - stripe);
      read_batch(stripe, count);
      for (std::uint32_t i = 0; i < count; ++i) encode_stripe(stripe, i);
      if (progress) {
        progress(std::min(group_.range_bytes(), std::uint64_t{count} * group_.width()
                                                    << group_.block_log2));
      }
    }
    const auto table = encode_table(group_, hashes_);
    for (std::uint32_t copy = 0; copy < kParityTableCopies; ++copy) {
      std::copy(table.begin(), table.end(),
                stream_.begin() + static_cast<std::ptrdiff_t>(group_.table_at(copy)));
    }
    return std::move(stream_);
  }

  static std::vector<std::uint32_t> all_rows(std::uint32_t count) {
    std::vector<std::uint32_t> rows(count);
    for (std::uint32_t row = 0; row < count; ++row) rows[row] = row;
    return rows;
  }

 private:
  // Row after row, the blocks of stripes [first, first + count), which follow each other.
  void read_batch(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t row = 0; row < group_.width(); ++row) {
      const std::uint64_t block = std::uint64_t{row} * group_.stripes + first;
      read_padded(group_, read_, block << group_.block_log2,
                  std::span(data_).subspan(row * run_bytes_, count * block_bytes_));
      for (std::uint32_t i = 0; i < count; ++i) {
        if (block + i < group_.pad()) continue;
        hashes_[block + i - group_.pad()] =
            xxh3_64(Bytes(data_).subspan(row * run_bytes_ + i * block_bytes_, block_bytes_));
      }
    }
  }

  void encode_stripe(std::uint32_t first, std::uint32_t index) {
    std::array<std::byte*, kMaxStripeBlocks> in{};
    std::array<std::byte*, kMaxStripeBlocks> out{};
    for (std::uint32_t row = 0; row < group_.width(); ++row) {
      in[row] = data_.data() + row * run_bytes_ + index * block_bytes_;
    }
    for (std::uint32_t row = 0; row < group_.rows; ++row) {
      out[row] = stream_.data() + group_.parity_block_at(row * group_.stripes + first + index);
    }
    matrix_.multiply(block_bytes_, std::span(in).first(group_.width()),
                     std::span(out).first(group_.rows));
    for (std::uint32_t row = 0; row < group_.rows; ++row) {
      hashes_[group_.blocks() + row * group_.stripes + first + index] =
          xxh3_64({out[row], block_bytes_});
    }
  }

  const ParityGroup& group_;
  const ReadAt& read_;
  std::size_t block_bytes_;
  std::uint32_t batch_stripes_;
  Matrix matrix_;
  // From row to row. A cache line more than the blocks need: at multiples of a large power of two
  // all blocks of a stripe would meet in the same few lines of the cache.
  std::size_t run_bytes_;
  std::vector<std::byte> data_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::byte> stream_;
};

FrameHeader frame_header(const ParityGroup& group, std::uint64_t tag, std::uint32_t index,
                         Bytes payload) {
  FrameHeader header;
  header.kind = FrameKind::kParity;
  header.stored_size = static_cast<std::uint32_t>(payload.size());
  header.raw_size = header.stored_size;
  header.own_offset = group.frame_offset(index);
  header.home = group.home;
  header.file_tag = tag;
  header.payload_hash = xxh3_128(payload);
  return header;
}

}  // namespace

std::vector<ByteRange> merged(std::vector<ByteRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  std::vector<ByteRange> result;
  for (const ByteRange& range : ranges) {
    if (!result.empty() && range.begin <= result.back().end) {
      result.back().end = std::max(result.back().end, range.end);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

std::vector<std::byte> encode_parity(const ParityGroup& group, const ReadAt& read,
                                     const ReadProgress& progress) {
  return Encoder(group, read).run(progress);
}

std::vector<std::byte> parity_payload(const ParityGroup& group, std::uint64_t file_tag,
                                      Bytes stream, std::uint32_t index) {
  std::vector<std::byte> payload(kParityHeadBytes + group.slice_bytes(index));
  encode({group, index}, file_tag, std::span(payload).first<kParityHeadBytes>());
  const std::uint64_t from = std::min(std::uint64_t{index} * group.body_bytes(), stream.size());
  const Bytes slice = stream.subspan(from, group.slice_bytes(index));
  std::copy(slice.begin(), slice.end(), payload.begin() + kParityHeadBytes);
  return payload;
}

ParityCheck::ParityCheck(const ParityGroup& group, std::uint64_t file_tag, ReadAt read,
                         const ReadProgress& progress)
    : group_(group),
      tag_(file_tag),
      read_(std::move(read)),
      hashes_(all_blocks()),
      is_known_(all_blocks()),
      is_bad_(all_blocks()),
      bad_in_stripe_(group.stripes) {
  load_table();
  check_blocks(progress);
  check_frames();
  if (progress) progress(group_.parity_bytes());
}

void ParityCheck::load_table() {
  std::vector<std::byte> table(group_.table_bytes());
  for (std::uint32_t copy = 0; copy < kParityTableCopies; ++copy) {
    read_stream(group_.table_at(copy), table);
    std::size_t at = 0;
    std::uint64_t page = 0;
    for (std::uint32_t first = 0; first < all_blocks(); first += kHashesInPage, ++page) {
      const std::uint32_t count = std::min(kHashesInPage, all_blocks() - first);
      const Bytes hashes = Bytes(table).subspan(at, count * sizeof(std::uint64_t));
      at += hashes.size() + sizeof(std::uint64_t);
      if (is_known_[first] || load<std::uint64_t>(table, at - sizeof(std::uint64_t)) !=
                                  page_hash(group_, page, hashes)) {
        continue;
      }
      for (std::uint32_t i = 0; i < count; ++i) {
        hashes_[first + i] = load<std::uint64_t>(hashes, i * sizeof(std::uint64_t));
        is_known_[first + i] = true;
      }
    }
  }
}

void ParityCheck::check_blocks(const ReadProgress& progress) {
  const std::size_t block_bytes = group_.block_bytes();
  const auto at_once = static_cast<std::uint32_t>(kCheckBytes / block_bytes);
  std::vector<std::byte> buffer(at_once * block_bytes);
  for (Block first = 0; first < all_blocks();) {
    const bool is_data = first < group_.blocks();
    const std::uint32_t left = (is_data ? group_.blocks() : all_blocks()) - first;
    // The parity blocks lie in two halves of the stream.
    const std::uint32_t count = is_data ? std::min(at_once, left) : 1;
    const auto bytes = std::span(buffer).first(count * block_bytes);
    if (is_data) {
      read_padded(group_, read_, std::uint64_t{group_.pad() + first} << group_.block_log2, bytes);
    } else if (is_known_[first]) {
      read_block(first, bytes);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      const Block block = first + i;
      if (!is_known_[block]) continue;
      if (xxh3_64(Bytes(bytes).subspan(i * block_bytes, block_bytes)) == hashes_[block]) continue;
      is_bad_[block] = true;
      bad_blocks_.push_back(block);
      ++bad_in_stripe_[stripe_of(block)];
    }
    first += count;
    if (progress && is_data) progress(bytes.size());
  }
}

bool ParityCheck::is_sound_frame(std::uint32_t index) const {
  const std::uint64_t offset = group_.frame_offset(index);
  std::vector<std::byte> bytes(group_.frame_bytes(index));
  read_(offset, bytes);
  const auto payload = Bytes(bytes).subspan(kFrameHeaderBytes);
  std::array<std::byte, kFrameHeaderBytes> header{};
  encode(frame_header(group_, tag_, index, payload), header);
  std::array<std::byte, kParityHeadBytes> head{};
  encode({group_, index}, tag_, head);
  return std::equal(header.begin(), header.end(), bytes.begin()) &&
         std::equal(head.begin(), head.end(), payload.begin());
}

// A frame can hash to what it says and still not hold what it held: with a block or a table that
// others say was different.
void ParityCheck::check_frames() {
  std::array<bool, kParityTableCopies> is_other{};
  if (std::find(is_known_.begin(), is_known_.end(), false) != is_known_.end()) {
    is_other.fill(true);
  } else {
    const auto table = encode_table(group_, hashes_);
    std::vector<std::byte> copy(table.size());
    for (std::uint32_t i = 0; i < kParityTableCopies; ++i) {
      read_stream(group_.table_at(i), copy);
      is_other[i] = copy != table;
    }
  }
  for (std::uint32_t index = 0; index < group_.frames(); ++index) {
    bool is_bad = !is_sound_frame(index);
    for (std::uint32_t i = 0; i < kParityTableCopies && !is_bad; ++i) {
      is_bad = is_other[i] && touches(index, group_.table_at(i), group_.table_bytes());
    }
    for (std::uint32_t i = 0; i < group_.parity_blocks() && !is_bad; ++i) {
      is_bad = is_bad_[group_.blocks() + i] &&
               touches(index, group_.parity_block_at(i), group_.block_bytes());
    }
    if (is_bad) bad_frames_.push_back(index);
  }
}

// Whether a part of the stream lies in the slice of a frame.
bool ParityCheck::touches(std::uint32_t index, std::uint64_t at, std::uint64_t bytes) const {
  const std::uint64_t begin =
      std::min(std::uint64_t{index} * group_.body_bytes(), group_.stream_bytes());
  return at < begin + group_.slice_bytes(index) && begin < at + bytes;
}

std::uint32_t ParityCheck::stripe_of(Block block) const {
  return (group_.pad() + block) % group_.stripes;
}

bool ParityCheck::can_mend(std::uint32_t stripe) const {
  return bad_in_stripe_[stripe] <= group_.rows;
}

std::vector<ByteRange> ParityCheck::ranges_of(const std::vector<Block>& blocks) const {
  std::vector<ByteRange> ranges;
  for (const Block block : blocks) {
    if (block < group_.blocks()) ranges.push_back(range_of_blocks(group_, block, 1));
  }
  return ranges;
}

std::vector<ByteRange> ParityCheck::damaged() const {
  std::vector<ByteRange> ranges = ranges_of(bad_blocks_);
  for (const std::uint32_t index : bad_frames_) {
    const std::uint64_t offset = group_.frame_offset(index);
    ranges.push_back({offset, offset + group_.frame_bytes(index)});
  }
  return merged(std::move(ranges));
}

std::vector<ByteRange> ParityCheck::beyond_repair() const {
  std::vector<Block> lost;
  for (const Block block : bad_blocks_) {
    if (!can_mend(stripe_of(block))) lost.push_back(block);
  }
  for (Block block = 0; block < group_.blocks(); ++block) {
    if (!is_known_[block]) lost.push_back(block);
  }
  std::vector<ByteRange> ranges = ranges_of(lost);
  for (const std::uint32_t index : bad_frames_) {
    if (can_rebuild(index)) continue;
    const std::uint64_t offset = group_.frame_offset(index);
    ranges.push_back({offset, offset + group_.frame_bytes(index)});
  }
  return merged(std::move(ranges));
}

void ParityCheck::read_stream(std::uint64_t at, std::span<std::byte> into) const {
  while (!into.empty()) {
    const std::uint64_t within = at % group_.body_bytes();
    const auto part = into.first(static_cast<std::size_t>(
        std::min<std::uint64_t>(group_.body_bytes() - within, into.size())));
    const auto index = static_cast<std::uint32_t>(at / group_.body_bytes());
    read_(group_.frame_offset(index) + kFrameHeaderBytes + kParityHeadBytes + within, part);
    at += part.size();
    into = into.subspan(part.size());
  }
}

void ParityCheck::read_block(Block block, std::span<std::byte> into) const {
  if (block < group_.blocks()) {
    read_padded(group_, read_, std::uint64_t{group_.pad() + block} << group_.block_log2, into);
  } else {
    read_stream(group_.parity_block_at(block - group_.blocks()), into);
  }
}

// Writes a block that was reconstructed, if it is what the table says.
bool ParityCheck::accept(Block block, Bytes bytes, const WriteAt& write) {
  if (!is_known_[block] || xxh3_64(bytes) != hashes_[block]) return false;
  is_bad_[block] = false;
  if (block < group_.blocks()) {
    const ByteRange range = range_of_blocks(group_, block, 1);
    write(range.begin, bytes.last(static_cast<std::size_t>(range.size_bytes())));
    return true;
  }
  std::uint64_t at = group_.parity_block_at(block - group_.blocks());
  while (!bytes.empty()) {
    const std::uint64_t within = at % group_.body_bytes();
    const Bytes part = bytes.first(static_cast<std::size_t>(
        std::min<std::uint64_t>(group_.body_bytes() - within, bytes.size())));
    const auto index = static_cast<std::uint32_t>(at / group_.body_bytes());
    write(group_.frame_offset(index) + kFrameHeaderBytes + kParityHeadBytes + within, part);
    at += part.size();
    bytes = bytes.subspan(part.size());
  }
  return true;
}

// The data blocks of a stripe, side by side; those that are bad are zeros.
class ParityCheck::Stripe {
 public:
  Stripe(const ParityCheck& check, std::uint32_t number)
      : check_(check),
        group_(check.group_),
        number_(number),
        bytes_(std::size_t{group_.width()} << group_.block_log2) {
    for (std::uint32_t column = 0; column < group_.width(); ++column) {
      const std::uint32_t padded = column * group_.stripes + number;
      if (padded < group_.pad()) continue;
      if (check.is_bad_[padded - group_.pad()]) {
        lost_columns.push_back(column);
      } else {
        check.read_block(padded - group_.pad(), block(column));
      }
    }
    for (std::uint32_t row = 0; row < group_.rows; ++row) {
      if (check.is_bad_[parity_block(row)]) {
        lost_rows.push_back(row);
      } else if (used_rows.size() < lost_columns.size()) {
        used_rows.push_back(row);
      }
    }
  }

  [[nodiscard]] std::span<std::byte> block(std::uint32_t column) {
    return std::span(bytes_).subspan(std::size_t{column} << group_.block_log2,
                                     group_.block_bytes());
  }
  [[nodiscard]] Block data_block(std::uint32_t column) const {
    return column * group_.stripes + number_ - group_.pad();
  }
  [[nodiscard]] Block parity_block(std::uint32_t row) const {
    return group_.blocks() + row * group_.stripes + number_;
  }

  // The parity blocks of `rows` that these data blocks have, side by side.
  [[nodiscard]] std::vector<std::byte> parity(std::span<const std::uint32_t> rows) {
    return multiply(parity_matrix(group_.width(), rows), bytes_, rows.size());
  }

  // The lost data blocks, side by side. The parity of what is there, added to the parity that was
  // stored, leaves what the lost blocks put into it.
  [[nodiscard]] std::vector<std::byte> solve() {
    std::vector<std::byte> missing = parity(used_rows);
    std::vector<std::byte> stored(group_.block_bytes());
    for (std::size_t i = 0; i < used_rows.size(); ++i) {
      check_.read_block(parity_block(used_rows[i]), stored);
      add(stored, missing.data() + i * stored.size());
    }
    return multiply(solving_matrix(group_.width(), used_rows, lost_columns), missing,
                    lost_columns.size());
  }

  std::vector<std::uint32_t> lost_columns;
  std::vector<std::uint32_t> lost_rows;
  std::vector<std::uint32_t> used_rows;  // as many sound ones as there are lost columns

 private:
  [[nodiscard]] std::vector<std::byte> multiply(Matrix matrix, std::span<std::byte> blocks,
                                                std::size_t results) const {
    const std::size_t size = group_.block_bytes();
    std::vector<std::byte> result(results * size);
    const auto pointers = [size](std::span<std::byte> to) {
      std::vector<std::byte*> places;
      for (std::size_t at = 0; at < to.size(); at += size) places.push_back(to.data() + at);
      return places;
    };
    matrix.multiply(size, pointers(blocks), pointers(result));
    return result;
  }

  const ParityCheck& check_;
  const ParityGroup& group_;
  std::uint32_t number_;
  std::vector<std::byte> bytes_;
};

void ParityCheck::restore_stripe(std::uint32_t number, const WriteAt& write) {
  const std::size_t size = group_.block_bytes();
  Stripe stripe(*this, number);
  if (!stripe.lost_columns.empty()) {
    const std::vector<std::byte> found = stripe.solve();
    for (std::size_t i = 0; i < stripe.lost_columns.size(); ++i) {
      const std::uint32_t column = stripe.lost_columns[i];
      const Bytes bytes = Bytes(found).subspan(i * size, size);
      if (!accept(stripe.data_block(column), bytes, write)) return;
      std::copy(bytes.begin(), bytes.end(), stripe.block(column).begin());
    }
  }
  if (stripe.lost_rows.empty()) return;
  const std::vector<std::byte> parity = stripe.parity(stripe.lost_rows);
  for (std::size_t i = 0; i < stripe.lost_rows.size(); ++i) {
    (void)accept(stripe.parity_block(stripe.lost_rows[i]), Bytes(parity).subspan(i * size, size),
                 write);
  }
}

// A frame can be made again when everything in its slice is sound or was mended.
bool ParityCheck::can_rebuild(std::uint32_t index) const {
  for (std::uint32_t i = 0; i < group_.parity_blocks(); ++i) {
    const Block block = group_.blocks() + i;
    if (is_known_[block] && !is_bad_[block]) continue;
    if (!touches(index, group_.parity_block_at(i), group_.block_bytes())) continue;
    if (!is_known_[block] || !can_mend(stripe_of(block))) return false;
  }
  for (std::uint32_t copy = 0; copy < kParityTableCopies; ++copy) {
    if (!touches(index, group_.table_at(copy), group_.table_bytes())) continue;
    if (std::find(is_known_.begin(), is_known_.end(), false) != is_known_.end()) return false;
  }
  return true;
}

std::vector<std::byte> ParityCheck::slice(std::uint32_t index) const {
  const std::uint64_t begin =
      std::min(std::uint64_t{index} * group_.body_bytes(), group_.stream_bytes());
  std::vector<std::byte> bytes(group_.slice_bytes(index));
  if (bytes.empty()) return bytes;
  read_stream(begin, bytes);
  const std::uint64_t end = begin + bytes.size();
  std::vector<std::byte> table;
  for (std::uint32_t copy = 0; copy < kParityTableCopies; ++copy) {
    const std::uint64_t at = group_.table_at(copy);
    const std::uint64_t from = std::max(at, begin);
    const std::uint64_t to = std::min(at + group_.table_bytes(), end);
    if (from >= to) continue;
    if (table.empty()) table = encode_table(group_, hashes_);
    std::copy_n(table.begin() + static_cast<std::ptrdiff_t>(from - at), to - from,
                bytes.begin() + static_cast<std::ptrdiff_t>(from - begin));
  }
  return bytes;
}

void ParityCheck::restore_frame(std::uint32_t index, const WriteAt& write) const {
  std::vector<std::byte> frame(group_.frame_bytes(index));
  const auto payload = std::span(frame).subspan(kFrameHeaderBytes);
  encode({group_, index}, tag_, payload.first<kParityHeadBytes>());
  const auto bytes = slice(index);
  std::copy(bytes.begin(), bytes.end(), payload.begin() + kParityHeadBytes);
  encode(frame_header(group_, tag_, index, payload), std::span(frame).first<kFrameHeaderBytes>());
  write(group_.frame_offset(index), frame);
}

std::vector<ByteRange> ParityCheck::restore(const WriteAt& write) {
  for (std::uint32_t stripe = 0; stripe < group_.stripes; ++stripe) {
    if (bad_in_stripe_[stripe] != 0 && can_mend(stripe)) restore_stripe(stripe, write);
  }
  // What could not be mended after all counts as beyond repair from here on.
  std::vector<Block> left;
  for (const Block block : bad_blocks_) {
    if (is_bad_[block]) left.push_back(block);
  }
  bad_blocks_ = std::move(left);
  for (const Block block : bad_blocks_) {
    bad_in_stripe_[stripe_of(block)] = static_cast<std::uint16_t>(group_.rows + 1);
  }
  std::vector<std::uint32_t> bad_frames;
  for (const std::uint32_t index : bad_frames_) {
    if (can_rebuild(index)) {
      restore_frame(index, write);
    } else {
      bad_frames.push_back(index);
    }
  }
  bad_frames_ = std::move(bad_frames);
  return beyond_repair();
}

}  // namespace session::format
