// What every command works with: the world around it, the server that it
// talks to, and what that server has.
#pragma once

#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "caravan/client/connection.h"
#include "clients/cli/catalog.h"
#include "clients/cli/config.h"
#include "clients/cli/flags.h"

namespace caravan::cli {

// The process around a command, so that a test can be one.
struct Environment {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool err_is_terminal = false;
  std::function<std::optional<std::string>(const std::string&)> variable;
  std::function<absl::Time()> now;
  std::function<void(absl::Duration)> sleep;
  // Lets the user edit a file; returns when the editor has ended.
  std::function<absl::Status(const std::string& file)> edit = nullptr;
  std::function<double()> random = nullptr;  // from 0 to 1, to spread repeats; empty: real
};

// The flags that every command has.
const std::vector<Flag>& GlobalFlags();

// Takes from the flags what they say of the endpoint.
void OverrideEndpoint(const Flags& flags, Endpoint* endpoint);

// The configuration file that is in use.
std::string ConfigFile(const Environment& environment);

class Session {
 public:
  // `flags` must outlive the session.
  Session(Environment& environment, const Flags& flags)
      : environment_(environment), flags_(flags) {}

  Environment& environment() { return environment_; }
  std::ostream& out() { return *environment_.out; }
  std::ostream& err() { return *environment_.err; }
  void Warn(std::string_view message);

  // Connected, and described, when first asked for.
  absl::StatusOr<std::shared_ptr<client::Connection>> connection();
  absl::StatusOr<const Catalog*> catalog();

  // A connection to another endpoint, with the user's flags; `token`, where it is
  // not empty, instead of the endpoint's.
  absl::StatusOr<std::shared_ptr<client::Connection>> ConnectTo(const Endpoint& endpoint,
                                                                const std::string& token = "");

  // The catalog with the comments of the contracts, where the server gives them.
  absl::StatusOr<const Catalog*> explained_catalog();

  // How methods that every service has are called: those of the service that a
  // collection belongs to, else of the one that the user names or that alone is
  // there. A usage error where that does not say which.
  absl::StatusOr<client::CallOptions> OptionsOf(const Collection* collection);
  // The same of each service that the context or --service names.
  absl::StatusOr<std::vector<client::CallOptions>> OptionsOfServices();

  // The endpoint that flags and contexts give.
  absl::StatusOr<Endpoint> endpoint() const;

  const Flags& flags() const { return flags_; }

  // Builds a request and calls: the answer of the method.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Call(
      const google::protobuf::MethodDescriptor& method, google::protobuf::Message* request);

  // Sets a field of a request by name. A usage error where the request has
  // none: the method cannot be asked that.
  absl::Status Set(google::protobuf::Message* request, const std::string& field,
                   std::string_view value);

  // Gets one resource.
  absl::StatusOr<std::unique_ptr<google::protobuf::Message>> Get(const Collection& collection,
                                                                 const std::string& name);

 private:
  absl::StatusOr<std::unique_ptr<Catalog>> Describe(client::CallOptions options);

  Environment& environment_;
  const Flags& flags_;
  std::shared_ptr<client::Connection> connection_;
  std::unique_ptr<Catalog> catalog_;
  std::set<std::string> warned_;
};

// Writes an error for people: the message with its reason, and each violation
// on a line of its own. `where` comes first, if it is not empty.
void PrintError(const absl::Status& status, std::string_view where, std::ostream& err);

// The exit code that tells scripts what went wrong: 0 fine, 1 any other error,
// 2 wrong use, 3 not found, 4 not permitted, 5 not reachable, 6 in conflict
// with the state of things.
int ExitCode(const absl::Status& status);

}  // namespace caravan::cli
