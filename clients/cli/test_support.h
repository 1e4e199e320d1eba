// What the tests of the command line share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "clients/cli/catalog.h"
#include "clients/cli/session.h"
#include "clients/testing/fake_server.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::cli {

using clients::FakeServer;
using testing::TemporaryFolder;

// The catalog of the zones service, without a server.
std::unique_ptr<Catalog> ZonesCatalog();

// A run of caravanctl in this process.
struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
  std::vector<absl::Duration> sleeps;
};

struct RunOptions {
  std::string input = {};
  std::map<std::string, std::string> variables = {};
  bool terminal = false;
  // The user in the editor: from the text of the file to what it is saved as.
  std::function<std::string(const std::string& text)> edit = nullptr;
};

Outcome RunCli(const std::vector<std::string>& words, const RunOptions& options = {});

// The same with the server's address added.
Outcome RunCli(const FakeServer& server, std::vector<std::string> words,
               const RunOptions& options = {});

}  // namespace caravan::cli
