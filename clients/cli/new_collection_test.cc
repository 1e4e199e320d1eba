// What a new collection costs: its contract and one registration
// (services/common/testing/widgets.cc), and no line of the command line. These
// tests run caravanctl against that made-up service.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clients/cli/test_support.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::cli {
namespace {

using ::testing::HasSubstr;

class NewCollectionTest : public ::testing::Test {
 protected:
  static std::unique_ptr<testing::TestServer> Serve(const std::string& principal,
                                                    const std::string& permission) {
    return testing::TestServer::Start({.definition = testing::WidgetsDefinition(),
                                       .access = testing::PolicyOf({{principal, permission}}),
                                       .adjust = [principal](settings::ServerSettings& settings) {
                                         settings.set_insecure_principal(principal);
                                       }});
  }

  Outcome Run(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.end(), {"--address", server_->address(), "--insecure"});
    return RunCli(words, {.input = input});
  }

  // Runs what must succeed; returns what it prints.
  std::string Must(std::vector<std::string> words, const std::string& input = "") {
    const Outcome outcome = Run(std::move(words), input);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  }

  std::unique_ptr<testing::TestServer> server_ = Serve("users/admin", "*");
};

TEST_F(NewCollectionTest, IsCreatedReadAndDeleted) {
  EXPECT_EQ(Must({"create", "widgets", "w1", "--field", "title=One", "--field", "size=7"}),
            "widgets/w1 created\n");
  EXPECT_EQ(Must({"create", "widgets", "w2", "--field", "title=Two", "--field", "size=3", "--field",
                  "make.country=DE"}),
            "widgets/w2 created\n");
  EXPECT_EQ(Must({"get", "widgets", "-o", "name"}), "widgets/w1\nwidgets/w2\n");
  EXPECT_EQ(Must({"get", "widgets", "-o", "name", "--filter", "size > 5"}), "widgets/w1\n");
  EXPECT_EQ(Must({"get", "widgets", "-o", "name", "--order-by", "size"}),
            "widgets/w2\nwidgets/w1\n");
  EXPECT_THAT(Must({"get", "widgets", "w2", "-o", "json"}), HasSubstr("\"country\": \"DE\""));
  EXPECT_THAT(Must({"describe", "widgets", "w1"}), HasSubstr("DRAFT"));
  EXPECT_THAT(Must({"delete", "widgets", "w1"}), HasSubstr("widgets/w1"));
  EXPECT_EQ(Run({"get", "widgets", "w1"}).code, 3);
}

TEST_F(NewCollectionTest, IsApplied) {
  const std::string documents =
      "name: widgets/w1\ntitle: One\nlabels: {shelf: a}\n---\nname: widgets/w2\ntitle: Two\n";
  EXPECT_EQ(Must({"apply", "-f", "-"}, documents), "widgets/w1 created\nwidgets/w2 created\n");
  EXPECT_EQ(Must({"apply", "-f", "-"}, documents), "widgets/w1 unchanged\nwidgets/w2 unchanged\n");
  EXPECT_THAT(Must({"apply", "-f", "-"}, "name: widgets/w1\ntitle: First\n"),
              HasSubstr("widgets/w1"));
  EXPECT_THAT(Must({"get", "widgets", "w1", "-o", "yaml"}), HasSubstr("title: First"));
}

TEST_F(NewCollectionTest, HasItsMethodsAsVerbs) {
  Must({"create", "widgets", "w1", "--field", "title=One"});
  EXPECT_THAT(Must({"activate", "widgets", "w1", "--start-date", "2024-08-01", "-o", "yaml"}),
              HasSubstr("state: ACTIVE"));
  const Outcome again = Run({"activate", "widgets/w1", "--start-date", "2024-08-01"});
  EXPECT_EQ(again.code, 6);
  EXPECT_THAT(again.err,
              HasSubstr("widgets/w1 is ACTIVE; ActivateWidget may be called from DRAFT"));
  EXPECT_THAT(Must({"add", "widgets", "w1", "--amount", "5", "-o", "yaml"}), HasSubstr("count: 5"));
  EXPECT_THAT(Must({"sum", "widgets", "-o", "json"}), HasSubstr("5"));
}

TEST_F(NewCollectionTest, NestsOneInTheOther) {
  Must({"create", "widgets", "w1", "--field", "title=One"});
  EXPECT_THAT(Must({"create", "parts", "p1", "--parent", "widgets/w1", "--field", "weight=9"}),
              HasSubstr("widgets/w1/parts/p1 created"));
  EXPECT_EQ(Must({"get", "parts", "--parent", "widgets/w1", "-o", "name"}),
            "widgets/w1/parts/p1\n");
  EXPECT_THAT(Must({"get", "widgets/w1/parts/p1", "-o", "yaml"}), HasSubstr("weight: 9"));
  const Outcome in_use = Run({"delete", "widgets", "w1"});
  EXPECT_EQ(in_use.code, 6);
  EXPECT_THAT(in_use.err, HasSubstr("widgets/w1/parts/p1 refers to it"));
  Must({"delete", "widgets/w1/parts/p1"});
  Must({"delete", "widgets", "w1"});
}

TEST_F(NewCollectionTest, IsWatched) {
  Must({"create", "widgets", "w1", "--field", "title=One"});
  Must({"create", "parts", "p1", "--parent", "widgets/w1"});
  Must({"add", "widgets", "w1", "--amount", "2"});
  EXPECT_EQ(Must({"watch", "--from-revision", "1", "--limit", "3", "-o", "name"}),
            "widgets/w1\nwidgets/w1/parts/p1\nwidgets/w1\n");
  EXPECT_EQ(Must({"watch", "parts", "--from-revision", "1", "--limit", "1", "-o", "name"}),
            "widgets/w1/parts/p1\n");
  EXPECT_THAT(Must({"changes", "widgets", "w1"}), HasSubstr("count: 0 -> 2"));
}

TEST_F(NewCollectionTest, IsListedAndExplained) {
  EXPECT_THAT(Must({"api-resources"}), HasSubstr("parts"));
  EXPECT_THAT(Must({"methods"}), HasSubstr("ActivateWidget"));
  EXPECT_THAT(Must({"activate", "widgets", "--help"}), HasSubstr("--start-date"));
}

TEST_F(NewCollectionTest, ChecksWhatItsContractSays) {
  const Outcome invalid = Run({"create", "widgets", "w1", "--field", "size=5000"});
  EXPECT_EQ(invalid.code, 1);
  EXPECT_THAT(invalid.err, HasSubstr("widget.title: is required"));
  EXPECT_THAT(invalid.err, HasSubstr("widget.size: is 5000; must be at most 1000"));
}

TEST_F(NewCollectionTest, IsOnlyForThoseWhoMay) {
  server_ = Serve("users/reader", "*.*.list");
  EXPECT_EQ(Must({"get", "widgets", "-o", "name"}), "");
  const Outcome denied = Run({"create", "widgets", "w1", "--field", "title=One"});
  EXPECT_EQ(denied.code, 4);
  EXPECT_THAT(denied.err, HasSubstr("testing.widgets.create"));
}

}  // namespace
}  // namespace caravan::cli
