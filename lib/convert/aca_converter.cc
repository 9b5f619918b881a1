// aca, the program our format 1 comes from (lib/convert/aca.h): directories instead of files.

#include "lib/convert/aca.h"
#include "lib/convert/aca_directory.h"
#include "session/convert.h"

namespace session::convert {
namespace {

class AcaConverter : public Converter {
 public:
  [[nodiscard]] SourceFormat format() const override { return SourceFormat::kAca; }
  [[nodiscard]] schema::Origin origin() const override { return schema::Origin::ACA; }

  [[nodiscard]] bool recognises(const Probe& source) const override {
    return source.is_directory && aca::find_source(source.path).has_value();
  }

  void read(const std::string& path, ImportContext& into) const override {
    aca::preview_directory(path, "", into);
  }
  void write(ExportContext&) const override {
    throw Error(ErrorCode::kUsage,
                "a session of aca is a directory; say where it is to be made with -o DIR");
  }

  [[nodiscard]] std::vector<std::string> sessions(const std::string& path) const override {
    std::vector<std::string> names;
    for (const std::string& session : aca_sessions(path)) {
      names.push_back(aca::directory_name(session));
    }
    return names.empty() ? Converter::sessions(path) : names;
  }
  void import_session(const std::string& path, const std::string& session, Writer& writer,
                      const ImportOptions& options, ImportedSource& report) const override {
    aca::import_directory(path, session, writer, options, report);
  }
  void preview(const std::string& path, const std::string& session,
               ImportContext& into) const override {
    aca::preview_directory(path, session, into);
  }

  [[nodiscard]] bool writes_directory() const override { return true; }
  void write_directory(const Snapshot& snapshot, const std::string& directory, ExportReport& report,
                       const ProgressCallback& progress) const override {
    aca::export_directory(snapshot, directory, report, progress);
  }
};

}  // namespace

std::unique_ptr<Converter> make_aca_converter() {
  return std::make_unique<AcaConverter>();
}

}  // namespace session::convert

namespace session {

std::vector<std::string> aca_sessions(const std::string& path) {
  const auto source = convert::aca::find_source(path);
  return source ? source->sessions : std::vector<std::string>();
}

}  // namespace session
