// edit, export, explain and completion, against a real server of a made-up
// contract.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cli/test_support.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ResourceCommandsTest : public ::testing::Test {
 protected:
  static std::unique_ptr<testing::TestServer> Serve() {
    return testing::TestServer::Start({.definition = testing::WidgetsDefinition(),
                                       .adjust = [](settings::ServerSettings& settings) {
                                         settings.set_insecure_principal("users/admin");
                                       }});
  }

  Outcome RunOn(const testing::TestServer& server, std::vector<std::string> words,
                const RunOptions& options = {}) {
    words.insert(words.end(), {"--address", server.address(), "--insecure"});
    return RunCli(words, options);
  }
  Outcome Run(std::vector<std::string> words, const RunOptions& options = {}) {
    return RunOn(*server_, std::move(words), options);
  }
  std::string Must(std::vector<std::string> words, const std::string& input = "") {
    const Outcome outcome = Run(std::move(words), {.input = input});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  }

  // Lets the user save these texts, one each time the editor opens, and notes
  // what was shown. After the last, what is shown is saved as it is.
  Outcome Edit(std::vector<std::function<std::string(std::string)>> saves) {
    size_t next = 0;
    shown_.clear();
    return Run({"edit", "widgets", "w1"}, {.edit = [&](const std::string& text) {
                 shown_.push_back(text);
                 return next < saves.size() ? saves[next++](text) : text;
               }});
  }
  static std::function<std::string(std::string)> Replace(std::string from, std::string to) {
    return [=](std::string text) {
      EXPECT_THAT(text, HasSubstr(from));
      return absl::StrReplaceAll(text, {{from, to}});
    };
  }
  // What a shell would be offered; the server is that of a context.
  std::vector<std::string> Complete(std::vector<std::string> words) {
    const std::string config = folder_.Write(
        "config.yaml",
        absl::StrCat("current-context: here\ncontexts:\n  here:\n    address: ", server_->address(),
                     "\n    insecure: true\n  there:\n", "    address: there:1\n"));
    words.insert(words.begin(), "__complete");
    const Outcome outcome = RunCli(words, {.variables = {{"CARAVANCTL_CONFIG", config}}});
    EXPECT_EQ(outcome.code, 0);
    return absl::StrSplit(outcome.out, '\n', absl::SkipEmpty());
  }

  std::unique_ptr<testing::TestServer> server_ = Serve();
  TemporaryFolder folder_;
  std::vector<std::string> shown_;
};

constexpr char kWidgets[] =
    "name: widgets/w1\ntitle: One\nsize: 7\nlabels: {shelf: a}\n---\n"
    "name: widgets/w2\ntitle: Two\nsize: 3\n";

TEST_F(ResourceCommandsTest, EditSendsWhatWasChanged) {
  Must({"apply", "-f", "-"}, kWidgets);
  const Outcome outcome = Edit({Replace("title: One", "title: First")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "widgets/w1 edited\n");
  ASSERT_THAT(shown_, SizeIs(1));
  EXPECT_THAT(shown_[0], StartsWith("# widgets/w1: "));
  // What only the server sets is not to be edited.
  EXPECT_THAT(shown_[0], Not(HasSubstr("etag")));
  EXPECT_THAT(shown_[0], Not(HasSubstr("state")));
  EXPECT_THAT(Must({"get", "widgets", "w1", "-o", "yaml"}), HasSubstr("title: First"));
  EXPECT_THAT(Must({"changes", "widgets", "w1"}), HasSubstr("title: One -> First"));
}

TEST_F(ResourceCommandsTest, EditClearsWhatIsTakenOut) {
  Must({"apply", "-f", "-"}, kWidgets);
  EXPECT_EQ(Edit({Replace("size: 7\n", "")}).code, 0);
  EXPECT_THAT(Must({"get", "widgets", "w1", "-o", "yaml"}), Not(HasSubstr("size")));
}

TEST_F(ResourceCommandsTest, EditChangesNothingUnlessTheTextIsChanged) {
  Must({"apply", "-f", "-"}, kWidgets);
  const auto before = Must({"changes", "widgets", "w1"});
  EXPECT_EQ(Edit({}).err, "Edit cancelled, nothing is changed.\n");
  EXPECT_EQ(Edit({[](std::string) { return ""; }}).code, 0);
  EXPECT_EQ(Edit({Replace("title: One", "title: \"One\"")}).err, "Nothing is changed.\n");
  EXPECT_EQ(Must({"changes", "widgets", "w1"}), before);
}

TEST_F(ResourceCommandsTest, EditShowsErrorsAndOpensAgain) {
  Must({"apply", "-f", "-"}, kWidgets);
  const Outcome mended = Edit({Replace("size: 7", "size: 5000"), Replace("size: 5000", "siez: 9"),
                               Replace("siez: 9", "size: ["), Replace("size: [", "size: 9")});
  EXPECT_EQ(mended.code, 0) << mended.err;
  ASSERT_THAT(shown_, SizeIs(4));
  EXPECT_THAT(shown_[1], HasSubstr("#   widget.size: is 5000; must be at most 1000"));
  EXPECT_THAT(shown_[2], HasSubstr("did you mean size?"));
  EXPECT_THAT(shown_[3], HasSubstr("is not YAML"));
  EXPECT_THAT(Must({"get", "widgets", "w1", "-o", "yaml"}), HasSubstr("size: 9"));
  // Who leaves it as it is gives up, and keeps the text.
  const Outcome left = Edit({Replace("size: 9", "size: 5000")});
  EXPECT_EQ(left.code, 1);
  EXPECT_THAT(left.err, HasSubstr("Your text is kept in "));
  const std::string file =
      left.err.substr(left.err.find('/'), left.err.find('\n') - left.err.find('/'));
  EXPECT_TRUE(std::filesystem::remove(file)) << file;
}

TEST_F(ResourceCommandsTest, EditPutsItsChangesOnTopOfThoseOfOthers) {
  Must({"apply", "-f", "-"}, kWidgets);
  const Outcome outcome = Edit({[&](std::string text) {
    Must({"apply", "-f", "-"}, "name: widgets/w1\nsize: 8\n");
    return absl::StrReplaceAll(text, {{"title: One", "title: First"}});
  }});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  ASSERT_THAT(shown_, SizeIs(2));
  EXPECT_THAT(shown_[1], HasSubstr("# It has been changed meanwhile: size. "));
  EXPECT_THAT(shown_[1], HasSubstr("title: First"));
  EXPECT_THAT(shown_[1], HasSubstr("size: 8"));
  const std::string now = Must({"get", "widgets", "w1", "-o", "yaml"});
  EXPECT_THAT(now, HasSubstr("title: First"));
  EXPECT_THAT(now, HasSubstr("size: 8"));
}

TEST_F(ResourceCommandsTest, EditNamesWhatItCannotDo) {
  Must({"apply", "-f", "-"}, kWidgets);
  EXPECT_EQ(Run({"edit", "widgets"}).code, 2);
  EXPECT_EQ(Run({"edit", "widgets", "none"}).code, 3);
  const Outcome renamed = Edit({Replace("name: widgets/w1", "name: widgets/w3")});
  EXPECT_THAT(shown_[1], HasSubstr("the name is widgets/w1, and cannot be changed"));
  std::filesystem::remove(
      renamed.err.substr(renamed.err.find('/'), renamed.err.find('\n') - renamed.err.find('/')));
}

TEST_F(ResourceCommandsTest, WhatIsExportedCanBeAppliedElsewhere) {
  Must({"apply", "-f", "-"}, kWidgets);
  Must({"activate", "widgets", "w2", "--start-date", "2024-08-01"});
  Must({"create", "parts", "p1", "--parent", "widgets/w2", "--field", "weight=9"});
  for (const std::string format : {"yaml", "json"}) {
    const std::string all = Must({"export", "--all", "-o", format});
    EXPECT_THAT(all, Not(HasSubstr("etag")));
    const auto other = Serve();
    const Outcome applied = RunOn(*other, {"apply", "--load", "-f", "-"}, {.input = all});
    EXPECT_EQ(applied.code, 0) << applied.err;
    EXPECT_EQ(RunOn(*other, {"export", "--all", "-o", format}).out, all);
  }
}

TEST_F(ResourceCommandsTest, ExportsTablesThatImportTakesBack) {
  Must({"apply", "-f", "-"}, kWidgets);
  const std::string table = Must({"export", "widgets", "-o", "csv"});
  EXPECT_THAT(table, StartsWith("name,title,"));
  EXPECT_THAT(table, HasSubstr("labels.shelf"));
  const auto other = Serve();
  const std::string file = folder_.Write("widgets.csv", table);
  const Outcome imported = RunOn(*other, {"import", file, "--collection", "widgets", "--load"});
  EXPECT_EQ(imported.out, "2 rows accepted, 0 refused\n") << imported.err;
  EXPECT_EQ(RunOn(*other, {"export", "widgets", "-o", "csv"}).out, table);
  EXPECT_EQ(Run({"export", "widgets", "parts", "-o", "csv"}).code, 2);
}

TEST_F(ResourceCommandsTest, ExportsToAFolderInOrder) {
  Must({"apply", "-f", "-"}, kWidgets);
  Must({"create", "parts", "p1", "--parent", "widgets/w2"});
  const Outcome outcome = Run({"export", "parts", "widgets", "--to", folder_.Path("out")});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(folder_.Read("out/01-widgets.yaml"), HasSubstr("name: widgets/w1"));
  EXPECT_THAT(folder_.Read("out/02-parts.yaml"), HasSubstr("name: widgets/w2/parts/p1"));
  const auto other = Serve();
  EXPECT_EQ(RunOn(*other, {"apply", "-f", folder_.Path("out")}).code, 0);
  // A filter is for what is exported, not for what it lives in.
  EXPECT_THAT(Must({"export", "parts", "--filter", "name = \"widgets/w2/parts/p1\""}),
              HasSubstr("parts/p1"));
  EXPECT_EQ(Must({"export", "parts", "--parent", "widgets/w1"}), "");
}

TEST_F(ResourceCommandsTest, ExportRefusesWhatMakesNoSense) {
  EXPECT_EQ(Run({"export"}).code, 2);
  EXPECT_EQ(Run({"export", "widgets", "--all"}).code, 2);
  EXPECT_EQ(Run({"export", "widgets", "-o", "xml"}).code, 2);
  EXPECT_EQ(Run({"export", "widgets", "parts", "--filter", "size > 1"}).code, 2);
  EXPECT_EQ(Must({"export", "widgets", "-o", "json"}), "[]\n");
  EXPECT_EQ(Must({"export", "widgets"}), "");
}

TEST_F(ResourceCommandsTest, ExplainsWhatTheContractSays) {
  const std::string widgets = Must({"explain", "widgets"});
  EXPECT_THAT(widgets, HasSubstr("TYPE:  caravan.dev/Widget\n"));
  EXPECT_THAT(widgets, HasSubstr("  activate ID\n    Activates a widget.\n"));
  EXPECT_THAT(widgets, HasSubstr("  title  <string>\n      required"));
  const std::string size = Must({"explain", "widgets.size"});
  EXPECT_THAT(size, StartsWith("FIELD:  widgets.size  <int32>\nRULES:\n"));
  EXPECT_THAT(size, HasSubstr("at most 1000"));
  EXPECT_THAT(Must({"explain", "widget.make.country"}), HasSubstr("FIELD:"));
  EXPECT_THAT(Must({"explain", "retire", "widgets"}), HasSubstr("    Retires a widget.\n"));
  EXPECT_THAT(Must({"explain", "widgets", "--recursive"}), HasSubstr("\n    country  <string>\n"));
  EXPECT_THAT(Run({"explain", "widgets.siez"}).err, HasSubstr("did you mean size?"));
  EXPECT_EQ(Run({"explain", "widgets.size.more"}).code, 2);
  EXPECT_EQ(Run({"explain", "retier", "widgets"}).code, 2);
  EXPECT_EQ(Run({"explain"}).code, 2);
}

TEST_F(ResourceCommandsTest, CompletesWhatMayComeNext) {
  using ::testing::Contains;
  using ::testing::ElementsAre;
  Must({"apply", "-f", "-"}, kWidgets);
  EXPECT_THAT(Complete({"expl"}), ElementsAre("explain"));
  EXPECT_THAT(Complete({""}), Contains("activate"));
  EXPECT_THAT(Complete({"get", "wid"}), ElementsAre("widgets"));
  EXPECT_THAT(Complete({"get", "widgets", ""}), ElementsAre("w1", "w2"));
  EXPECT_THAT(Complete({"get", "widgets", "w2"}), ElementsAre("w2"));
  EXPECT_THAT(Complete({"edit", "widgets/"}), ElementsAre("widgets/w1", "widgets/w2"));
  EXPECT_THAT(Complete({"activate", "w"}), ElementsAre("widgets"));
  EXPECT_THAT(Complete({"activate", "widgets", "w1", "--start"}), ElementsAre("--start-date"));
  EXPECT_THAT(Complete({"get", "widgets", "--eff"}), ElementsAre("--effective-date"));
  EXPECT_THAT(Complete({"get", "widgets", "-o", "y"}), ElementsAre("yaml"));
  EXPECT_THAT(Complete({"apply", "-f", ""}), ElementsAre(":files"));
  EXPECT_THAT(Complete({"config", "use"}), ElementsAre("use-context"));
  EXPECT_THAT(Complete({"config", "use-context", ""}), ElementsAre("here", "there"));
  EXPECT_THAT(Complete({"get", "--context", "t"}), ElementsAre("there"));
  EXPECT_THAT(Complete({"help", "exp"}), ElementsAre("explain", "export"));
  EXPECT_THAT(Complete({"completion", ""}), ElementsAre("bash", "zsh"));
  EXPECT_THAT(Complete({"get", "nothing", "x"}), IsEmpty());
  EXPECT_THAT(Complete({"get", "widgets", "\"x"}), IsEmpty());
  EXPECT_THAT(Complete({}), Contains("get"));
}

TEST_F(ResourceCommandsTest, CompletionNeedsNoServerForItsOwnWords) {
  const Outcome outcome = RunCli({"__complete", "expl"});
  EXPECT_EQ(outcome.out, "explain\n");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(RunCli({"completion", "fish"}).code, 2);
  for (const char* shell : {"bash", "zsh"}) {
    EXPECT_THAT(RunCli({"completion", shell}).out, HasSubstr("__complete")) << shell;
  }
}

}  // namespace
}  // namespace caravan::cli
