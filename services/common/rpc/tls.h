// Mutual TLS for servers and clients, with files that may change while in use.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_context.h"
#include "services/common/identity/principal.h"

namespace caravan::rpc {

// PEM files. They are looked at every second; connections made after a change
// use the new ones. Replace the key and the certificate together: while they
// don't belong together, new connections fail.
struct TlsFiles {
  std::string certificate;  // chain, own certificate first
  std::string key;
  std::string ca;  // the authorities that the other side's certificate must come from
};

// Credentials of a server whose clients must present a certificate.
// INVALID_ARGUMENT, naming the file, where one is missing or malformed.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsServerCredentials(
    const TlsFiles& files);

// Credentials of a client, who also checks that the server's certificate is
// for the host that it calls.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsClientCredentials(
    const TlsFiles& files);

// What a call's connection and metadata tell of its caller; points into the
// context.
identity::Peer PeerOf(const grpc::ServerContextBase& context);

}  // namespace caravan::rpc
