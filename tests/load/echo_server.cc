// echo-server: the least that gRPC's callback API does for a call. Answers every
// request with as many bytes as it was told.
//
//   echo-server <address> <response bytes> [<folder with ca.pem, zones.pem,
//               zones.key>]
//
// Writes the address in use when it serves, and ends with its standard input.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "grpcpp/impl/rpc_service_method.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

namespace caravan::load {
namespace {

class EchoService final : public grpc::Service {
 public:
  explicit EchoService(int response_bytes) : answer_(std::string(response_bytes, 'x')) {
    AddMethod(new grpc::internal::RpcServiceMethod("/caravan.load.v1.Echo/Echo",
                                                   grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        0, new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
               [this](grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                      grpc::ByteBuffer* response) {
                 *response = grpc::ByteBuffer(&answer_, 1);
                 grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
                 reactor->Finish(grpc::Status::OK);
                 return reactor;
               }));
  }

 private:
  const grpc::Slice answer_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::string& folder) {
  if (folder.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = ReadFile(folder + "/ca.pem");
  options.pem_key_cert_pairs.push_back(
      {ReadFile(folder + "/zones.key"), ReadFile(folder + "/zones.pem")});
  return grpc::SslServerCredentials(options);
}

}  // namespace
}  // namespace caravan::load

int main(int argc, char** argv) {
  int response_bytes = 0;
  if (argc < 3 || argc > 4 || !absl::SimpleAtoi(argv[2], &response_bytes) || response_bytes < 0) {
    std::fprintf(stderr, "echo-server <address> <response bytes> [<folder of certificates>]\n");
    return 2;
  }
  // As the services do.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const std::string address = argv[1];
  caravan::load::EchoService service(response_bytes);
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  int port = 0;
  builder.AddListeningPort(address, caravan::load::Credentials(argc > 3 ? argv[3] : ""), &port);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  const bool is_unix = address.rfind("unix:", 0) == 0;
  std::printf("%s\n", is_unix
                          ? address.c_str()
                          : absl::StrCat(address.substr(0, address.rfind(':')), ":", port).c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
