#include "cli/render/json.h"

#include <cmath>

#include "cli/render/rapidjson.h"
#include "cli/render/text.h"

namespace session::cli {
namespace {

// What RapidJSON calls an output stream.
struct Sink {
  using Ch = char;
  std::streambuf* buffer;
  void Put(char c) { buffer->sputc(c); }
  void Flush() {}
};

}  // namespace

struct Json::Impl {
  explicit Impl(std::ostream& out) : sink{out.rdbuf()}, writer(sink) {}
  Sink sink;
  rapidjson::Writer<Sink> writer;
};

Json::Json(std::ostream& out) : out_(out), impl_(std::make_unique<Impl>(out)) {}
Json::~Json() = default;

Json& Json::begin_object() {
  impl_->writer.StartObject();
  return *this;
}

Json& Json::end_object() {
  impl_->writer.EndObject();
  return *this;
}

Json& Json::begin_array() {
  impl_->writer.StartArray();
  return *this;
}

Json& Json::end_array() {
  impl_->writer.EndArray();
  return *this;
}

Json& Json::key(std::string_view name) {
  return text(name);
}

Json& Json::text(std::string_view value) {
  const std::string clean = valid_utf8(value);
  impl_->writer.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
  return *this;
}

Json& Json::number(std::uint64_t value) {
  impl_->writer.Uint64(value);
  return *this;
}

Json& Json::number(std::int64_t value) {
  impl_->writer.Int64(value);
  return *this;
}

Json& Json::real(double value) {
  if (!std::isfinite(value)) return null();
  impl_->writer.Double(value);
  return *this;
}

Json& Json::boolean(bool value) {
  impl_->writer.Bool(value);
  return *this;
}

Json& Json::null() {
  impl_->writer.Null();
  return *this;
}

Json& Json::raw(std::string_view json) {
  // Of the type it only wants to know that it is no key.
  impl_->writer.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  return *this;
}

void Json::finish() {
  out_ << '\n';
}

}  // namespace session::cli
