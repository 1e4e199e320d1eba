#include "services/fairs/verify_bundle.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/section_run.h"

namespace caravan::fairs {
namespace {

using google::protobuf::util::MessageDifferencer;

// Of the differences of a result, the first ones say enough.
constexpr size_t kMostDifferences = 20;

bool IsBefore(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return std::pair(a.seconds(), a.nanos()) < std::pair(b.seconds(), b.nanos());
}

class Verifier {
 public:
  explicit Verifier(const v1::Bundle& bundle)
      : bundle_(bundle),
        allocation_(bundle.allocation()),
        snapshot_(bundle.snapshot()),
        section_(LastSegment(bundle.inputs().name())) {}

  std::vector<Finding> Run() {
    CheckDraw();
    CheckInputs();
    CheckRules();
    CheckResult();
    CheckAllocation();
    return std::move(findings_);
  }

 private:
  void Find(std::string subject, std::string message) {
    findings_.push_back({std::move(subject), std::move(message)});
  }

  // `what` says where the expected value comes from.
  void Expect(std::string_view subject, std::string_view value, std::string_view expected,
              std::string_view what) {
    if (value == expected) return;
    Find(std::string(subject),
         absl::StrCat("is \"", value, "\"; ", what, " is \"", expected, "\""));
  }

  void CheckDraw() {
    const v1::Fair::Draw& draw = bundle_.draw();
    Expect("draw.stage", v1::Stage_Name(draw.stage()), v1::Stage_Name(allocation_.stage()),
           "the stage of the run");
    Expect("draw.commitment", draw.commitment(), LotteryCommitment(draw.secret()),
           "the hash of the secret");
    Expect("draw.seed", draw.seed(),
           LotterySeed(draw.secret(), draw.inputs_digest(), draw.public_value()),
           "what comes of the secret, the digest of the inputs and the public value");
    Expect("allocation.seed", allocation_.seed(), draw.seed(), "the seed that was drawn");
    if (!IsBefore(draw.commit_time(), draw.public_time())) {
      Find("draw.public_time",
           "is not after the commitment: the secret could have been chosen "
           "for the public value");
    }
    if (draw.snapshot() != snapshot_.name()) return;
    Expect("draw.inputs_digest", draw.inputs_digest(), snapshot_.digest(),
           "the digest of the snapshot");
    if (!IsBefore(snapshot_.freeze_time(), draw.public_time())) {
      Find("draw.public_time",
           "is not after the freeze of the inputs: they could have been chosen "
           "for the public value");
    }
  }

  void CheckInputs() {
    const v1::SectionInputs& inputs = bundle_.inputs();
    Expect("inputs.stage", v1::Stage_Name(inputs.stage()), v1::Stage_Name(allocation_.stage()),
           "the stage of the run");
    Expect("snapshot.stage", v1::Stage_Name(snapshot_.stage()), v1::Stage_Name(allocation_.stage()),
           "the stage of the run");
    Expect("inputs.waiting_list", inputs.waiting_list() ? "true" : "false",
           snapshot_.waiting_list() ? "true" : "false", "that of the snapshot");
    Expect("allocation.snapshot", allocation_.snapshot(), snapshot_.name(),
           "the name of the snapshot");
    if (!absl::StartsWith(inputs.name(), absl::StrCat(snapshot_.name(), "/"))) {
      Find("inputs.name",
           absl::StrCat("is \"", inputs.name(), "\", not of the snapshot ", snapshot_.name()));
    }
    const absl::StatusOr<std::string> digest = DigestOfInputs(inputs);
    if (!digest.ok()) {
      Find("inputs", std::string(digest.status().message()));
    } else {
      Expect("inputs.digest", inputs.digest(), *digest, "the digest of the inputs that are here");
      CheckMembership("inputs_digests", bundle_.inputs_digests(), "snapshot.sections",
                      snapshot_.sections(), *digest);
    }
    Expect("snapshot.digest", snapshot_.digest(),
           DigestOfSnapshot(Vector(bundle_.inputs_digests())),
           "what comes of the digests of all sections' inputs");
    Expect("allocation.inputs_digest", allocation_.inputs_digest(), snapshot_.digest(),
           "the digest of the snapshot");
  }

  void CheckRules() {
    const absl::StatusOr<std::string> digest = DigestOfRules(allocation_.rules());
    if (!digest.ok()) return Find("allocation.rules", std::string(digest.status().message()));
    Expect("allocation.rules_digest", allocation_.rules_digest(), *digest,
           "the digest of the rules that are here");
    // A simulation applies others.
    if (!allocation_.simulation_of().empty()) return;
    const absl::StatusOr<std::string> frozen = DigestOfRules(snapshot_.rules());
    if (!frozen.ok()) return Find("snapshot.rules", std::string(frozen.status().message()));
    Expect("snapshot.rules", *frozen, *digest, "the digest of the run's rules");
  }

  void CheckResult() {
    const v1::SectionResult& result = bundle_.result();
    Expect("result.name", LastSegment(result.name()), section_, "the section of the inputs");
    const std::string digest = DigestOfResult(section_, result);
    Expect("result.digest", result.digest(), digest, "the digest of the result that is here");
    CheckMembership("result_digests", bundle_.result_digests(), "allocation.sections",
                    allocation_.sections(), digest);
    const absl::StatusOr<v1::SectionResult> computed =
        RunSection(allocation_.rules(), bundle_.inputs(), allocation_.seed());
    if (!computed.ok()) {
      return Find("result", absl::StrCat("cannot be recomputed: ", computed.status().message()));
    }
    CompareResults(result, *computed);
  }

  // Every difference of what the bundle says and what was computed.
  void CompareResults(const v1::SectionResult& result, const v1::SectionResult& computed) {
    std::string report;
    MessageDifferencer differencer;
    differencer.ReportDifferencesToString(&report);
    for (const std::string_view ignored : {"name", "etag", "digest"}) {
      differencer.IgnoreField(
          v1::SectionResult::descriptor()->FindFieldByName(std::string(ignored)));
    }
    // Such that one that is missing is one difference.
    differencer.TreatAsMap(v1::SectionResult::descriptor()->FindFieldByName("decisions"),
                           v1::SectionResult::Decision::descriptor()->FindFieldByName("pseudonym"));
    differencer.set_report_moves(false);
    if (differencer.Compare(result, computed)) {
      if (DigestOfResult(section_, result) != computed.digest()) {
        Find("result.decisions", "are not in the order of pseudonyms, as those recomputed are");
      }
      return;
    }
    size_t differences = 0;
    for (const std::string_view line : absl::StrSplit(report, '\n', absl::SkipEmpty())) {
      if (absl::StartsWith(line, "ignored: ")) continue;
      // `modified: decisions[3].booths: 2 -> 3`: from the bundle to the computed.
      if (++differences > kMostDifferences) continue;
      const std::pair<std::string_view, std::string_view> kind =
          absl::StrSplit(line, absl::MaxSplits(": ", 1));
      const std::pair<std::string_view, std::string_view> path =
          absl::StrSplit(kind.second, absl::MaxSplits(": ", 1));
      const std::string_view says = kind.first == "added"     ? "is missing; recomputed: "
                                    : kind.first == "deleted" ? "should not be there: "
                                                              : "bundle -> recomputed: ";
      Find(absl::StrCat("result.", path.first), absl::StrCat(says, path.second));
    }
    if (differences > kMostDifferences) {
      Find("result", absl::StrCat(differences - kMostDifferences, " further differences"));
    }
  }

  void CheckAllocation() {
    Expect("allocation.digest", allocation_.digest(),
           DigestOfAllocation(snapshot_.digest(), allocation_.rules_digest(), allocation_.seed(),
                              Vector(bundle_.result_digests())),
           "what comes of the snapshot, the rules, the seed and all sections' results");
  }

  // That the digest of the section is where it should be among those of all.
  void CheckMembership(std::string_view field,
                       const google::protobuf::RepeatedPtrField<std::string>& digests,
                       std::string_view sections_field,
                       const google::protobuf::RepeatedPtrField<std::string>& sections,
                       std::string_view digest) {
    if (digests.size() != sections.size()) {
      return Find(std::string(field), absl::StrCat("has ", digests.size(), " digests; there are ",
                                                   sections.size(), " sections"));
    }
    const auto section = std::find_if(sections.begin(), sections.end(), [&](const auto& name) {
      return LastSegment(name) == section_;
    });
    if (section == sections.end()) {
      return Find(std::string(sections_field), absl::StrCat("has no section ", section_));
    }
    const auto index = static_cast<int>(section - sections.begin());
    Expect(absl::StrCat(field, "[", index, "]"), digests[index], digest,
           absl::StrCat("the digest of section ", section_));
  }

  static std::vector<std::string> Vector(
      const google::protobuf::RepeatedPtrField<std::string>& texts) {
    return {texts.begin(), texts.end()};
  }

  const v1::Bundle& bundle_;
  const v1::Allocation& allocation_;
  const v1::Snapshot& snapshot_;
  const std::string_view section_;  // id
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> VerifyBundle(const v1::Bundle& bundle) { return Verifier(bundle).Run(); }

std::vector<Finding> VerifyBundles(absl::Span<const v1::Bundle> bundles) {
  std::vector<Finding> findings;
  if (bundles.empty()) return {{"bundles", "there are none"}};
  const v1::Bundle& first = bundles.front();
  std::set<std::string, std::less<>> sections;
  int64_t firms = 0;
  int64_t booths = 0;
  int64_t left = 0;
  for (const v1::Bundle& bundle : bundles) {
    const std::string section(LastSegment(bundle.inputs().name()));
    for (Finding& finding : VerifyBundle(bundle)) {
      findings.push_back({absl::StrCat(section, ": ", finding.subject), finding.message});
    }
    if (!sections.insert(section).second) {
      findings.push_back({absl::StrCat(section, ": inputs.name"), "is there twice"});
    }
    // What binds all sections is the same in each.
    for (const auto& [field, one, other] :
         {std::tuple("allocation", &bundle.allocation().digest(), &first.allocation().digest()),
          std::tuple("allocation.name", &bundle.allocation().name(), &first.allocation().name()),
          std::tuple("draw.seed", &bundle.draw().seed(), &first.draw().seed())}) {
      if (*one == *other) continue;
      findings.push_back({absl::StrCat(section, ": ", field),
                          absl::StrCat("is of another run: \"", *one, "\", not \"", *other, "\"")});
    }
    firms += bundle.result().firms();
    booths += bundle.result().booths();
    left += bundle.result().left_booths();
  }
  for (const std::string& name : first.allocation().sections()) {
    if (sections.contains(LastSegment(name))) continue;
    findings.push_back({std::string(LastSegment(name)), "there is no bundle of this section"});
  }
  const v1::Allocation& allocation = first.allocation();
  for (const auto& [field, stated, sum] :
       {std::tuple("allocation.firms", int64_t{allocation.firms()}, firms),
        std::tuple("allocation.booths", int64_t{allocation.booths()}, booths),
        std::tuple("allocation.left_booths", int64_t{allocation.left_booths()}, left)}) {
    if (stated == sum) continue;
    findings.push_back({field, absl::StrCat("is ", stated, "; the sections sum up to ", sum)});
  }
  return findings;
}

}  // namespace caravan::fairs
