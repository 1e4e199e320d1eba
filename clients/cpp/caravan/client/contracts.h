// A server's contracts as it describes them itself (gRPC reflection), and calls
// of methods that are known only so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "caravan/client/connection.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "google/protobuf/dynamic_message.h"

namespace caravan::client {

// What a server says of itself.
struct Description {
  google::protobuf::FileDescriptorSet files;  // each once, with all that they import
  std::vector<std::string> services;          // full names, sorted; without gRPC's own
};

// Asks for all files that the server's services need (grpc.reflection.v1).
// UNIMPLEMENTED with reason NO_REFLECTION where it does not describe itself.
absl::StatusOr<Description> Describe(Connection& connection, const CallOptions& options = {});

// Contracts made of a description. The messages that it makes must not outlive
// it.
class Contracts {
 public:
  // DATA_LOSS with reason BAD_ANSWER where the description makes no sense.
  static absl::StatusOr<std::unique_ptr<Contracts>> Create(const Description& description);
  ~Contracts();

  const std::vector<const google::protobuf::ServiceDescriptor*>& services() const {
    return services_;
  }

  // By full name, `package.Service.Method`; null where unknown.
  const google::protobuf::MethodDescriptor* FindMethod(const std::string& full_name) const;

  std::unique_ptr<google::protobuf::Message> New(const google::protobuf::Descriptor& type) const;

  // The message in a google.protobuf.Any; null where its type is unknown or its
  // bytes are no such message.
  std::unique_ptr<google::protobuf::Message> Unpack(const google::protobuf::Message& any) const;

  // A message of a type that is compiled in, as the server's contract has it;
  // null where it has no such type.
  std::unique_ptr<google::protobuf::Message> Adopt(const google::protobuf::Message& message) const;

  // Calls a unary method; see Connection::Call.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Call(
      Connection& connection, const google::protobuf::MethodDescriptor& method,
      google::protobuf::Message* request, const CallOptions& options = {}) const;

 private:
  class Problems;
  Contracts();

  google::protobuf::SimpleDescriptorDatabase files_;
  std::unique_ptr<Problems> problems_;  // the pool tells them, later too
  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  std::unique_ptr<google::protobuf::DynamicMessageFactory> factory_;
  std::vector<const google::protobuf::ServiceDescriptor*> services_;
};

}  // namespace caravan::client
