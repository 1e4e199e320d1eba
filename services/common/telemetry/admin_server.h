// A small HTTP/1.1 server for operators and their tools: metrics and probes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace caravan::telemetry {

struct AdminResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// What to answer to GET of a path. Runs on the server's only thread.
using AdminPages = std::map<std::string, std::function<AdminResponse()>>;

// Serves on one thread of its own, one request a connection, at most 64
// connections at once; a request may have 8 KiB and take 5 s.
class AdminServer {
 public:
  // `address` is host:port, the host an IP address or `localhost`; port 0 takes
  // any free one.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& address,
                                                            AdminPages pages);
  virtual ~AdminServer() = default;

  // host:port, as bound.
  virtual const std::string& address() const = 0;
};

}  // namespace caravan::telemetry
