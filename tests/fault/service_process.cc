#include "tests/fault/service_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "gtest/gtest.h"
#include "services/common/testing/programs.h"

namespace caravan::fault {
namespace {

constexpr char kAccessPolicy[] = R"(
roles:
  - {name: everything, permissions: ["*"]}
bindings:
  - {principal: users/test, role: everything, resource: "*"}
)";

// In the child: the texts are made before the fork.
struct DiskPlan {
  std::string folder;
  std::string options;  // of mount
  std::string uid_map;
  std::string gid_map;
};

bool WriteAll(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  const bool ok = file >= 0 && write(file, text.data(), text.size()) == ssize_t(text.size());
  if (file >= 0) close(file);
  return ok;
}

// Whoever is not root becomes root of a user namespace, where mounting is
// allowed.
bool MountSmallDisk(const DiskPlan& plan) {
  if (getuid() == 0) {
    if (unshare(CLONE_NEWNS) != 0) return false;
  } else if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
             !WriteAll("/proc/self/setgroups", "deny") ||
             !WriteAll("/proc/self/uid_map", plan.uid_map) ||
             !WriteAll("/proc/self/gid_map", plan.gid_map)) {
    return false;
  }
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", plan.folder.c_str(), "tmpfs", 0, plan.options.c_str()) == 0;
}

}  // namespace

ServiceProcess::ServiceProcess(ServiceOptions options) : options_(std::move(options)) {
  std::ofstream(options_.folder + "/access.yaml") << kAccessPolicy;
}

ServiceProcess::~ServiceProcess() {
  if (pid_ != 0) Kill();
}

void ServiceProcess::Start() {
  std::vector<std::string> arguments = {
      absl::StrCat(testing::ProgramFolder(), "/", options_.program),
      absl::StrCat("--store=", options_.store),
      absl::StrCat("--listen=unix:", options_.folder, "/", options_.name, ".socket"),
      absl::StrCat("--access-policy=", options_.folder, "/access.yaml"),
      absl::StrCat("--replica-id=", options_.name),
      "--insecure",
      "--insecure-principal=users/test",
      "--log-level=error",
  };
  arguments.insert(arguments.end(), options_.flags.begin(), options_.flags.end());
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::vector<char*> environment = testing::ProgramEnvironment();
  const DiskPlan disk = {options_.small_disk, absl::StrCat("size=", options_.small_disk_bytes),
                         absl::StrCat("0 ", getuid(), " 1"), absl::StrCat("0 ", getgid(), " 1")};
  // A socket that another life has left would take the first calls.
  unlink(absl::StrCat(options_.folder, "/", options_.name, ".socket").c_str());
  pid_ = fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!disk.folder.empty() && !MountSmallDisk(disk)) _exit(126);
    execve(argv[0], argv.data(), environment.data());
    _exit(127);
  }
  const auto channel = Connect();
  while (!channel->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Seconds(1)))) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == 0) continue;
    pid_ = 0;
    FAIL() << "it has ended instead of serving, with exit code " << WEXITSTATUS(status);
  }
}

void ServiceProcess::Kill() {
  ASSERT_NE(pid_, 0);
  kill(pid_, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(pid_, &status, 0), pid_);
  EXPECT_TRUE(WIFSIGNALED(status))
      << "it had ended by itself with exit code " << WEXITSTATUS(status);
  pid_ = 0;
}

std::shared_ptr<grpc::Channel> ServiceProcess::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(
      absl::StrCat("unix:", options_.folder, "/", options_.name, ".socket"),
      grpc::InsecureChannelCredentials(), arguments);
}

std::string ServiceProcess::InItsFolder(const std::string& path) const {
  return absl::StrCat("/proc/", pid_, "/root", path);
}

}  // namespace caravan::fault
