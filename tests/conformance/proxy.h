// What stands between the client and the probe.
#pragma once

#include <grpcpp/channel.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "services/common/testing/temporary_folder.h"

namespace caravan::conformance {

enum class ProxyKind {
  kNone,     // nothing: what the suite asks for can be had
  kNginx,    // a peer: nginx's grpc_pass
  kGateway,  // caravan-gateway
};

// A proxy before a service on 127.0.0.1, as a process of its own.
class Proxy {
 public:
  Proxy(ProxyKind kind, int service_port);
  ~Proxy();  // ends it, and expects that it ends by itself
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  ProxyKind kind() const { return kind_; }

  // host:port for clients.
  const std::string& address() const { return address_; }

  // A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const;

  // Resident memory of the process and its children, in bytes; 0 without a proxy.
  int64_t ResidentBytes() const;

 private:
  void StartGateway(int service_port);
  void StartNginx(int service_port);
  void Spawn(const std::vector<std::string>& command);

  const ProxyKind kind_;
  const testing::TemporaryFolder folder_;
  std::string address_;
  pid_t pid_ = 0;
};

}  // namespace caravan::conformance
