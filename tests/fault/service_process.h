// A service as a process of its own, to be killed.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/channel.h"

namespace caravan::fault {

struct ServiceOptions {
  std::string folder;  // for the socket and the access policy
  std::string name = "zones";
  std::string store;                      // the setting
  std::string program = "caravan-zones";  // of this build
  std::vector<std::string> flags = {};    // more of them
  // Mounts a file system of so many bytes on this folder, which only the
  // process sees; see InItsFolder.
  std::string small_disk = {};
  int64_t small_disk_bytes = 0;
};

// Every caller is users/test, who may do everything. A channel reconnects to
// the process when it is started again.
class ServiceProcess {
 public:
  explicit ServiceProcess(ServiceOptions options);
  ~ServiceProcess();  // kills it
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  // Returns once it serves.
  void Start();
  // SIGKILL; returns once it is dead.
  void Kill();

  // A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const;

  // The path by which this process reaches a path that the service sees.
  std::string InItsFolder(const std::string& path) const;

 private:
  const ServiceOptions options_;
  pid_t pid_ = 0;
};

}  // namespace caravan::fault
