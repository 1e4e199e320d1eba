// TLS of the gateway's connections: at the edge, and to the services.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/gateway/socket.h"

using SSL_CTX = struct ssl_ctx_st;

namespace caravan::gateway {

// PEM files.
struct TlsFiles {
  // A chain, and its key; a client without them presents none.
  std::string certificate;
  std::string key;
  // The authorities of the other side; may be empty at the edge, where then no
  // client certificates are asked for.
  std::string ca;

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

// What connections are made with. Immutable and thread-safe.
class TlsContext {
 public:
  enum class Side { kServer, kClient };

  // INVALID_ARGUMENT names the file that is wrong.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Load(Side side, const TlsFiles& files);
  ~TlsContext();

  // A session for one connection. A client's checks that the server has a
  // certificate for `server_name`.
  SslPtr NewSession(const std::string& server_name = "") const;

 private:
  TlsContext(Side side, SSL_CTX* context) : side_(side), context_(context) {}

  const Side side_;
  SSL_CTX* const context_;
};

// The context of files that may be replaced while it is in use. Connections that
// there are keep theirs. Thread-safe.
class ReloadingTls {
 public:
  static absl::StatusOr<std::unique_ptr<ReloadingTls>> Load(TlsContext::Side side, TlsFiles files);

  std::shared_ptr<const TlsContext> Get() const;

  // Loads the files again where one of them has changed; what is wrong then
  // changes nothing and is logged. Quick where nothing has changed.
  void Check();

 private:
  // Tells one state of the files from the next.
  using Version = std::vector<int64_t>;

  ReloadingTls(TlsContext::Side side, TlsFiles files) : side_(side), files_(std::move(files)) {}
  Version CurrentVersion() const;

  const TlsContext::Side side_;
  const TlsFiles files_;
  Version version_;
  mutable std::mutex mutex_;  // held to copy or exchange the pointer
  std::shared_ptr<const TlsContext> context_;
};

// Whether HTTP/2 was agreed upon (ALPN).
bool SpeaksHttp2(SSL* ssl);

// The SPIFFE id of the peer's verified certificate; empty where there is none or
// more than one.
std::string SpiffeIdOf(SSL* ssl);

}  // namespace caravan::gateway
