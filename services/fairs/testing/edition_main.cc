// Writes an invented edition of a fair.
//
//   fair-edition PART [--sections N] [--booths N] [--applications N] [--delegations N]
//                [--days-later N] [--drafts N]
//
// PART is, for `caravanctl apply -f -`
//   zones       the firms and documents that the zones service must know of (with --load)
//   registers   the fair and all that it has before anybody applies
//   drafts      the first N applications, as firms write them
//   scored      all others, as of a register that is loaded (with --load)
// for `caravanctl screen applications ID -f -`
//   screening   the points of the first draft, as its delegation verifies them
// and, as of `caravanctl fair bundle`, without a server
//   bundles     of a run: --stage brand|general|placement [--waiting-list], general booths
//               by [--method ranked|score-step|highest-averages|largest-remainder]
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "google/protobuf/util/json_util.h"
#include "services/fairs/testing/edition.h"
#include "services/fairs/testing/edition_course.h"

namespace caravan::fairs::testing {
namespace {

using v1::Application;

constexpr std::string_view kUsage =
    "usage: fair-edition zones|registers|drafts|scored|screening|bundles\n"
    "         [--sections N] [--booths N] [--applications N] [--delegations N]\n"
    "         [--days-later N] [--drafts N] [--stage brand|general|placement]\n"
    "         [--waiting-list] [--method ranked|score-step|highest-averages|largest-remainder]\n";

struct Request {
  std::string part;
  EditionOptions edition;
  int drafts = 0;
  v1::Stage stage = v1::GENERAL;
  bool waiting_list = false;
  v1::QuantityMethod method = v1::SCORE_STEP;
};

template <class T>
bool Choose(const std::map<std::string_view, T>& choices, std::string_view text, T& choice) {
  const auto found = choices.find(text);
  if (found != choices.end()) choice = found->second;
  return found != choices.end();
}

bool Parse(const std::vector<std::string_view>& words, Request& request) {
  if (words.empty()) return false;
  request.part = words[0];
  const std::map<std::string_view, int*> numbers = {
      {"--sections", &request.edition.sections},
      {"--booths", &request.edition.booths},
      {"--applications", &request.edition.applications},
      {"--delegations", &request.edition.delegations},
      {"--days-later", &request.edition.days_later},
      {"--drafts", &request.drafts}};
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--waiting-list") {
      request.waiting_list = true;
      continue;
    }
    if (i + 1 == words.size()) return false;
    const std::string_view flag = words[i], value = words[++i];
    bool understood = false;
    if (flag == "--stage") {
      understood = Choose<v1::Stage>(
          {{"brand", v1::BRAND}, {"general", v1::GENERAL}, {"placement", v1::PLACEMENT}}, value,
          request.stage);
    } else if (flag == "--method") {
      understood =
          Choose<v1::QuantityMethod>({{"ranked", v1::RANKED},
                                      {"score-step", v1::SCORE_STEP},
                                      {"highest-averages", v1::HIGHEST_AVERAGES},
                                      {"largest-remainder", v1::LARGEST_REMAINDER_OF_SCORES}},
                                     value, request.method);
    } else if (const auto number = numbers.find(flag); number != numbers.end()) {
      understood = absl::SimpleAtoi(value, number->second) && *number->second >= 0;
    }
    if (!understood) return false;
  }
  return true;
}

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  // Of a message without Any, to memory: it does not fail.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

// JSON is YAML.
template <class Messages>
void Write(const Messages& messages) {
  for (const auto& message : messages) std::cout << "---\n" << Json(message) << "\n";
}

// Stages up to the one that is asked for; of a waiting list, after a third of what was
// confirmed has been returned.
void WriteBundles(const Request& request, Edition edition) {
  v1::Rules::QuantityRule& rule = *edition.fair.mutable_rules()->mutable_general_quantity();
  rule.set_method(request.method);
  if (request.method != v1::SCORE_STEP) rule.clear_base();
  EditionCourse course(std::move(edition));
  std::vector<v1::Bundle> bundles;
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL, v1::PLACEMENT}) {
    bundles = course.Run(course.Freeze(stage));
    if (stage == request.stage) break;
    course.Publish(bundles);
  }
  if (request.waiting_list) {
    course.Publish(bundles);
    course.ReturnOneIn(3);
    bundles = course.Run(course.Freeze(request.stage, true));
  }
  std::string_view separator = "[\n";
  for (const v1::Bundle& bundle : bundles) {
    std::cout << separator << Json(bundle);
    separator = ",\n";
  }
  std::cout << "\n]\n";
}

int Main(const std::vector<std::string_view>& words) {
  Request request;
  if (!Parse(words, request)) {
    std::cerr << kUsage;
    return 2;
  }
  Edition edition = MakeEdition(request.edition);
  std::vector<Application> drafts, scored;
  for (const Application& application : edition.applications) {
    const bool draft = static_cast<int>(drafts.size()) < request.drafts &&
                       application.kind() == Application::GENERAL && !application.newcomer();
    (draft ? drafts : scored).push_back(application);
  }
  if (request.part == "zones") {
    Write(edition.documents);
    Write(edition.enterprises);
  } else if (request.part == "registers") {
    Write(edition.delegations);
    Write(std::vector<v1::Fair>{edition.fair});
    Write(edition.sections);
    Write(edition.quotas);
    Write(edition.halls);
    Write(edition.floor_plans);
    Write(edition.sanctions);
  } else if (request.part == "drafts") {
    for (Application& draft : drafts) draft = DraftOf(draft);
    Write(drafts);
  } else if (request.part == "scored") {
    Write(scored);
  } else if (request.part == "screening" && !drafts.empty()) {
    v1::ScreenApplicationRequest screening;
    *screening.mutable_verified_points() = drafts.front().verified_points();
    std::cout << Json(screening) << "\n";
  } else if (request.part == "bundles") {
    WriteBundles(request, std::move(edition));
  } else {
    std::cerr << kUsage;
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace caravan::fairs::testing

int main(int argc, char** argv) { return caravan::fairs::testing::Main({argv + 1, argv + argc}); }
