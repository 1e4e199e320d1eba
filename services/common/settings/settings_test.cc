#include "services/common/settings/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace caravan::settings {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SettingsTest : public ::testing::Test {
 protected:
  absl::Status Load(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {}) {
    const auto text =
        settings::Load({"caravan-test", "A test."}, arguments, environment, &settings_);
    printed_ = text.ok() ? text->value_or("") : "";
    return text.status();
  }

  std::string Error(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {}) {
    const absl::Status status = Load(arguments, environment);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  std::string File(const std::string& content) {
    const std::string path = ::testing::TempDir() + "settings_test.yaml";
    std::ofstream(path) << content;
    return path;
  }

  ServerSettings settings_;
  std::string printed_;
};

TEST_F(SettingsTest, HasDefaults) {
  ASSERT_TRUE(Load({}).ok());
  EXPECT_THAT(settings_.listen(), ElementsAre("127.0.0.1:0"));
  EXPECT_THAT(settings_.process().admin_listen(), IsEmpty());
  EXPECT_FALSE(settings_.insecure());
  EXPECT_EQ(settings_.max_message_bytes(), 4 << 20);
  EXPECT_EQ(ToDuration(settings_.process().drain_timeout()), absl::Seconds(30));
  EXPECT_EQ(ToDuration(settings_.change_image_retention()), absl::Hours(24 * 90));
  EXPECT_EQ(settings_.process().log_level(), LOG_LEVEL_INFO);
  EXPECT_THAT(settings_.replica_id(), ::testing::EndsWith("-" + std::to_string(getpid())));
}

TEST_F(SettingsTest, FlagsGoBeforeEnvironmentBeforeFileBeforeDefaults) {
  const std::string file =
      File("store: sqlite:file.db\nthreads: 3\nmax_metadata_bytes: 2048\nlisten: [a:1, b:2]\n");
  ASSERT_TRUE(Load({"--store=sqlite:flag.db", "--config", file},
                   {"CARAVAN_STORE=sqlite:environment.db", "CARAVAN_THREADS=2", "HOME=/root"})
                  .ok());
  EXPECT_EQ(settings_.store(), "sqlite:flag.db");
  EXPECT_EQ(settings_.threads(), 2);
  EXPECT_EQ(settings_.max_metadata_bytes(), 2048);
  EXPECT_THAT(settings_.listen(), ElementsAre("a:1", "b:2"));
  EXPECT_EQ(settings_.max_concurrent_streams(), 256);
}

TEST_F(SettingsTest, ReadsTheFileThatTheEnvironmentNames) {
  ASSERT_TRUE(Load({}, {"CARAVAN_CONFIG=" + File("threads: 7")}).ok());
  EXPECT_EQ(settings_.threads(), 7);
}

TEST_F(SettingsTest, ReadsEveryFormOfFlag) {
  ASSERT_TRUE(Load({"--insecure", "--listen", "unix:a", "--listen=b:1,c:2", "--log-level=debug",
                    "--drain-timeout=1m30s"})
                  .ok());
  EXPECT_TRUE(settings_.insecure());
  EXPECT_THAT(settings_.listen(), ElementsAre("unix:a", "b:1", "c:2"));
  EXPECT_EQ(settings_.process().log_level(), LOG_LEVEL_DEBUG);
  EXPECT_EQ(ToDuration(settings_.process().drain_timeout()), absl::Seconds(90));
}

TEST_F(SettingsTest, AListReplacesTheListOfALowerSource) {
  ASSERT_TRUE(Load({"--listen=a:1"}, {"CARAVAN_LISTEN=b:1,c:1"}).ok());
  EXPECT_THAT(settings_.listen(), ElementsAre("a:1"));
}

TEST_F(SettingsTest, RefusesUnknownNamesAndSuggests) {
  EXPECT_EQ(Error({"--drain-timeuot=1s"}),
            "unknown flag --drain-timeuot. Did you mean `--drain-timeout`?");
  EXPECT_EQ(Error({}, {"CARAVAN_LISTN=a:1"}),
            "the environment variable CARAVAN_LISTN is no setting. Did you mean `CARAVAN_LISTEN`?");
  const std::string file = File("threads: 1\ntrust_domian: x\n");
  EXPECT_EQ(Error({"--config", file}),
            file + ":2:1: unknown key `trust_domian`. Did you mean `trust_domain`?");
  EXPECT_EQ(Error({"--zzzzzzzzzzzzzz=1"}), "unknown flag --zzzzzzzzzzzzzz.");
  EXPECT_THAT(Error({"positional"}), HasSubstr("unexpected argument `positional`"));
}

TEST_F(SettingsTest, RefusesValuesThatDoNotFit) {
  EXPECT_EQ(Error({"--threads=many"}), "--threads: `many` is no whole number");
  EXPECT_EQ(Error({"--threads=5000"}), "--threads: 5000 is more than 1024");
  EXPECT_THAT(Error({"--drain-timeout=30"}), HasSubstr("`30` is no duration"));
  EXPECT_EQ(Error({"--drain-timeout=-1s"}), "--drain-timeout: -1 s is less than 0 s");
  EXPECT_EQ(Error({"--log-level=loud"}),
            "--log-level: `loud` is none of debug, info, warning, error");
  EXPECT_EQ(Error({"--insecure=yes"}), "--insecure: `yes` is neither true nor false");
  EXPECT_EQ(Error({"--store"}), "--store needs a value");
  EXPECT_EQ(Error({"--threads=1", "--threads=2"}), "--threads is given twice");
  const std::string file = File("store: [a, b]");
  EXPECT_EQ(Error({"--config=" + file}), file + ":1:1: `store` must be one value");
  EXPECT_THAT(Error({"--config=/nonexistent"}), HasSubstr("/nonexistent: No such file"));
}

TEST_F(SettingsTest, HelpDocumentsEverySetting) {
  ASSERT_TRUE(Load({"--help"}).ok());
  // Those of an embedded message too, by their own names.
  for (const auto* type : {ServerSettings::descriptor(), ProcessSettings::descriptor()}) {
    for (int i = 0; i < type->field_count(); ++i) {
      if (type->field(i)->message_type() == ProcessSettings::descriptor()) continue;
      std::string upper = type->field(i)->name();
      for (char& c : upper) c = static_cast<char>(std::toupper(c));
      EXPECT_THAT(printed_, HasSubstr("[CARAVAN_" + upper + "]"));
      EXPECT_NE(type->field(i)->options().GetExtension(setting).help(), "")
          << type->field(i)->name();
    }
  }
  EXPECT_THAT(printed_, AllOf(HasSubstr("--drain-timeout <duration>"), HasSubstr("Default: 30s"),
                              Not(HasSubstr("{hostname}-" + std::to_string(getpid())))));
}

TEST_F(SettingsTest, VersionNamesTheProgram) {
  ASSERT_TRUE(Load({"--version"}).ok());
  EXPECT_EQ(printed_, "caravan-test " + std::string(Version()) + "\n");
}

}  // namespace
}  // namespace caravan::settings
