#include "caravan/client/credentials.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "caravan/client/errors.h"

namespace caravan::client {
namespace {

// No token is larger; a file given by mistake is not read into memory.
constexpr size_t kMaxToken = 16 << 10;
constexpr size_t kMaxPem = 1 << 20;

absl::Status Bad(const std::string& message) {
  return MakeError(absl::StatusCode::kInvalidArgument, "BAD_CREDENTIALS", message);
}

// At most `most` bytes; false where it cannot be read.
bool ReadFile(const std::string& file, size_t most, std::string* text) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return false;
  text->resize(most);
  in.read(text->data(), static_cast<std::streamsize>(most));
  text->resize(static_cast<size_t>(in.gcount()));
  return !in.bad() && !text->empty();
}

absl::Status ReadPem(const std::string& file, std::string_view what, std::string* text) {
  if (file.empty() || ReadFile(file, kMaxPem, text)) return absl::OkStatus();
  return Bad(absl::StrCat("cannot read the ", what, " from ", file));
}

class FixedToken : public TokenSource {
 public:
  explicit FixedToken(std::string token) : token_(std::move(token)) {}
  absl::StatusOr<std::string> Get() override { return token_; }

 private:
  const std::string token_;
};

// Whoever renews a token writes the file anew; a look at its state with each
// call is cheap beside the call.
class FileToken : public TokenSource {
 public:
  explicit FileToken(std::string file) : file_(std::move(file)) {}

  absl::StatusOr<std::string> Get() override {
    absl::MutexLock lock(&mutex_);
    struct stat state = {};
    if (stat(file_.c_str(), &state) != 0) return Unreadable();
    const Version version = {state.st_ino, state.st_size, state.st_mtim.tv_sec,
                             state.st_mtim.tv_nsec};
    if (version == version_) return token_;
    std::string text;
    if (!ReadFile(file_, kMaxToken, &text)) return Unreadable();
    auto token = ParseToken(text, file_);
    if (!token.ok()) {
      return MakeError(absl::StatusCode::kUnauthenticated, "BAD_TOKEN",
                       std::string(token.status().message()));
    }
    token_ = *std::move(token);
    version_ = version;
    return token_;
  }

 private:
  struct Version {
    ino_t inode = 0;
    off_t size = 0;
    int64_t seconds = 0;
    int64_t nanos = 0;
    bool operator==(const Version&) const = default;
  };

  absl::Status Unreadable() const {
    return MakeError(absl::StatusCode::kUnauthenticated, "BAD_TOKEN",
                     absl::StrCat("cannot read a token from ", file_));
  }

  const std::string file_;
  absl::Mutex mutex_;
  Version version_ ABSL_GUARDED_BY(mutex_);
  std::string token_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

bool IsLocal(const std::string& address) {
  std::string_view rest = address;
  if (absl::StartsWith(address, "unix:")) return true;
  for (const std::string_view prefix : {"dns:", "ipv4:", "ipv6:", "///"}) {
    if (rest.substr(0, prefix.size()) == prefix) rest.remove_prefix(prefix.size());
  }
  std::string_view host = rest.substr(0, rest.rfind(':'));
  if (!rest.empty() && rest[0] == '[') host = rest.substr(1, rest.find(']') - 1);
  if (host == "localhost" || host == "::1") return true;
  // 127.0.0.0/8, and not a name such as 127.example.org.
  return host.substr(0, 4) == "127." &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const Credentials& credentials, const std::string& address) {
  if (credentials.certificate_file.empty() != credentials.key_file.empty()) {
    return Bad("a certificate and its key are given together");
  }
  if (credentials.plaintext) {
    if (!credentials.ca_file.empty() || !credentials.certificate_file.empty()) {
      return Bad("plaintext and certificates exclude each other");
    }
    if (!IsLocal(address)) {
      return MakeError(absl::StatusCode::kInvalidArgument, "PLAINTEXT_REFUSED",
                       absl::StrCat("plaintext is for Unix sockets and loopback addresses, and ",
                                    address, " is neither; use TLS"));
    }
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions options;
  auto status = ReadPem(credentials.ca_file, "certificate authority", &options.pem_root_certs);
  if (status.ok()) {
    status = ReadPem(credentials.certificate_file, "certificate", &options.pem_cert_chain);
  }
  if (status.ok()) status = ReadPem(credentials.key_file, "key", &options.pem_private_key);
  if (!status.ok()) return status;
  return grpc::SslCredentials(options);
}

absl::StatusOr<std::string> ParseToken(const std::string& text, const std::string& where) {
  std::string token(absl::StripAsciiWhitespace(text));
  const auto fail = [&](std::string_view what) {
    return MakeError(absl::StatusCode::kInvalidArgument, "BAD_TOKEN",
                     absl::StrCat(where, " ", what));
  };
  if (token.empty()) return fail("holds no token");
  if (token.size() >= kMaxToken) return fail("holds more than a token");
  if (absl::StartsWith(token, "Bearer ")) return fail("holds `Bearer` beside the token");
  // It becomes a header: a line end in it would end the header.
  const bool is_token =
      std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!is_token) return fail("holds something else than a token");
  return token;
}

absl::StatusOr<std::unique_ptr<TokenSource>> MakeTokenSource(const Credentials& credentials) {
  if (!credentials.token.empty() && !credentials.token_file.empty()) {
    return Bad("a token and a file of a token exclude each other");
  }
  if (!credentials.token_file.empty()) return std::make_unique<FileToken>(credentials.token_file);
  if (credentials.token.empty()) return nullptr;
  auto token = ParseToken(credentials.token, "the token given");
  if (!token.ok()) return token.status();
  return std::make_unique<FixedToken>(*std::move(token));
}

}  // namespace caravan::client
