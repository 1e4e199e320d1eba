#include "clients/cli/import_state.h"

#include <openssl/evp.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/flags.h"
#include "yaml-cpp/yaml.h"

namespace caravan::cli {

absl::StatusOr<ImportState> ImportState::Load(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return ImportState();
  try {
    const YAML::Node root = YAML::LoadFile(file);
    ImportState state;
    state.digest = root["digest"].as<std::string>();
    state.collection = root["collection"].as<std::string>();
    state.run = root["run"].as<std::string>();
    state.last_line = root["last_line"].as<int64_t>();
    state.accepted = root["accepted"].as<int64_t>();
    state.refused = root["refused"].as<int64_t>();
    return state;
  } catch (const YAML::Exception& e) {
    return UsageError(absl::StrCat(file, " is no state of an import: ", e.msg));
  }
}

absl::Status ImportState::Save(const std::string& file) const {
  const std::string draft = file + ".new";
  {
    std::ofstream out(draft, std::ios::trunc);
    out << "digest: " << digest << "\ncollection: " << collection << "\nrun: " << run
        << "\nlast_line: " << last_line << "\naccepted: " << accepted << "\nrefused: " << refused
        << "\n";
    if (!out.flush()) {
      return absl::ResourceExhaustedError(absl::StrCat(draft, " cannot be written"));
    }
  }
  std::error_code error;
  std::filesystem::rename(draft, file, error);
  if (!error) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(file, " cannot be written: ", error.message()));
}

std::string DigestOf(std::istream& in, int64_t* size) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(1 << 16);
  *size = 0;
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<size_t>(in.gcount()));
    *size += in.gcount();
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  return absl::BytesToHexString(std::string_view(reinterpret_cast<const char*>(digest), length));
}

}  // namespace caravan::cli
