// Who the client is, and how it knows the server.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/security/credentials.h"

namespace caravan::client {

// A client certificate, a bearer token, both, or neither. Files are PEM, but
// for the token's.
struct Credentials {
  // TLS.
  std::string ca_file = {};           // authorities of the server; empty: the system's
  std::string certificate_file = {};  // the client's, with `key_file`
  std::string key_file = {};
  std::string server_name = {};  // the name in the server's certificate, where it differs

  // A bearer token, sent with every call: as text, or in a file that is read
  // again when it changes. At most one of them.
  std::string token = {};
  std::string token_file = {};

  // No TLS. Only for Unix sockets and loopback addresses, and for these never
  // unless asked for, since a token would be sent as it is.
  bool plaintext = false;
};

// Whether an address can be reached from this machine only: `unix:`, `localhost`,
// 127.0.0.0/8, `::1`.
bool IsLocal(const std::string& address);

// The credentials of a channel to an address.
//
// Errors: INVALID_ARGUMENT with reason PLAINTEXT_REFUSED where the address is
// not local, BAD_CREDENTIALS where a file cannot be read or things are missing.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const Credentials& credentials, const std::string& address);

// The bearer token of the moment.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // The token, without `Bearer`. UNAUTHENTICATED with reason BAD_TOKEN where
  // there is none; the message never shows it.
  virtual absl::StatusOr<std::string> Get() = 0;
};

// Null where the credentials have no token. INVALID_ARGUMENT with reason
// BAD_CREDENTIALS where they have two.
absl::StatusOr<std::unique_ptr<TokenSource>> MakeTokenSource(const Credentials& credentials);

// The token in a text: without white space around it. INVALID_ARGUMENT with
// reason BAD_TOKEN where it is empty or no token.
absl::StatusOr<std::string> ParseToken(const std::string& text, const std::string& where);

}  // namespace caravan::client
