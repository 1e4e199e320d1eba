#include "services/fairs/digest.h"

#include <openssl/evp.h>

#include <cstdint>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/names.h"
#include "services/fairs/points.h"

namespace caravan::fairs {
namespace {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Sha256() { EVP_MD_CTX_free(context_); }
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::string_view text) { EVP_DigestUpdate(context_, text.data(), text.size()); }

  std::string HexDigits() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_, digest, &size);
    return absl::BytesToHexString(std::string_view(reinterpret_cast<const char*>(digest), size));
  }

 private:
  EVP_MD_CTX* context_;
};

// Lines of fields, handed on in pieces.
class Lines {
 public:
  explicit Lines(TextSink sink) : sink_(sink) {}
  ~Lines() { sink_(text_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  Lines& Begin(std::string_view kind) {
    text_.append(kind);
    return *this;
  }
  Lines& Text(std::string_view text) {
    text_.push_back('\t');
    for (const char c : text) {
      switch (c) {
        case '\\':
          text_.append("\\\\");
          break;
        case '\t':
          text_.append("\\t");
          break;
        case '\n':
          text_.append("\\n");
          break;
        default:
          text_.push_back(c);
      }
    }
    return *this;
  }
  Lines& Number(int64_t number) {
    absl::StrAppend(&text_, "\t", number);
    return *this;
  }
  Lines& Flag(bool flag) { return Number(flag ? 1 : 0); }
  // `name` is empty for a number that the enum doesn't have.
  Lines& Enum(const std::string& name, int number) {
    return name.empty() ? Number(number) : Text(name);
  }
  // A field of decimal points. The first that holds none is kept as the error.
  Lines& Points(std::string_view points, absl::FunctionRef<std::string()> field) {
    if (points.empty()) return Text("");
    const std::optional<int64_t> thousandths = ParsePoints(points);
    if (!thousandths.has_value() && status_.ok()) {
      const std::string path = field();
      status_ = api::Error(absl::StatusCode::kInvalidArgument, "POINTS_INVALID",
                           absl::StrCat(path, ": \"", absl::CHexEscape(points),
                                        "\" should be points, such as 12.5: at most three digits "
                                        "behind the point"))
                    .Field(path, "Should be points, such as 12.5.");
    }
    return Number(thousandths.value_or(0));
  }
  void End() {
    text_.push_back('\n');
    if (text_.size() < kPiece) return;
    sink_(text_);
    text_.clear();
  }

  const absl::Status& status() const { return status_; }

 private:
  static constexpr size_t kPiece = 4096;

  TextSink sink_;
  std::string text_;
  absl::Status status_;
};

void WriteCriteria(std::string_view kind,
                   const google::protobuf::RepeatedPtrField<v1::Rules::Criterion>& criteria,
                   Lines& lines) {
  for (int i = 0; i < criteria.size(); ++i) {
    const v1::Rules::Criterion& criterion = criteria[i];
    lines.Begin("criterion")
        .Text(kind)
        .Text(criterion.id())
        .Text(criterion.title())
        .Points(criterion.maximum(),
                [&] { return absl::StrCat(kind, "_criteria[", i, "].maximum"); })
        .Text(criterion.rule())
        .End();
  }
}

void WriteQuantity(std::string_view kind, const v1::Rules::QuantityRule& rule, Lines& lines) {
  lines.Begin("quantity")
      .Text(kind)
      .Enum(v1::QuantityMethod_Name(rule.method()), rule.method())
      .Points(rule.base(), [&] { return absl::StrCat(kind, "_quantity.base"); })
      .End();
}

std::string CornerNumbers(const v1::SectionInputs::Run& run) {
  std::string numbers;
  for (const int32_t number : run.corner_numbers()) {
    absl::StrAppend(&numbers, numbers.empty() ? "" : ",", number);
  }
  return numbers;
}

}  // namespace

absl::Status WriteRules(const v1::Rules& rules, TextSink sink) {
  Lines lines(sink);
  lines.Begin("rules")
      .Enum(v1::ApportionmentMethod_Name(rules.quota_method()), rules.quota_method())
      .Number(rules.producer_exports_usd())
      .Number(rules.distributor_exports_usd())
      .Number(rules.newcomer_divisor())
      .Number(rules.newcomer_maximum())
      .Number(rules.firm_cap())
      .Number(rules.host_booths())
      .Number(rules.host_partners())
      .Number(rules.confirmation_days())
      .Number(rules.objection_days())
      .Number(rules.report_days())
      .End();
  WriteCriteria("brand", rules.brand_criteria(), lines);
  WriteCriteria("general", rules.general_criteria(), lines);
  WriteQuantity("brand", rules.brand_quantity(), lines);
  WriteQuantity("general", rules.general_quantity(), lines);
  for (int i = 0; i < rules.tiers_size(); ++i) {
    lines.Begin("tier")
        .Points(rules.tiers(i), [&] { return absl::StrCat("tiers[", i, "]"); })
        .End();
  }
  for (const v1::Rules::SanctionRule& sanction : rules.sanctions()) {
    lines.Begin("sanction")
        .Enum(v1::Violation_Name(sanction.violation()), sanction.violation())
        .Number(sanction.section_editions())
        .Number(sanction.brand_editions())
        .End();
  }
  return lines.status();
}

absl::Status WriteInputs(const v1::SectionInputs& inputs, TextSink sink) {
  Lines lines(sink);
  lines.Begin("section")
      .Text(LastSegment(inputs.name()))
      .Text(inputs.phase())
      .Enum(v1::Stage_Name(inputs.stage()), inputs.stage())
      .Flag(inputs.waiting_list())
      .Number(inputs.brand_booths())
      .Number(inputs.general_booths())
      .Number(inputs.newcomer_booths())
      .Number(inputs.brand_minimum())
      .Number(inputs.firm_cap())
      .Points(inputs.base(), [] { return "base"; })
      .Number(inputs.general_firms())
      .Number(inputs.newcomer_firms())
      .End();
  for (const v1::SectionInputs::Quota& quota : inputs.quotas()) {
    lines.Begin("quota").Text(quota.delegation()).Number(quota.booths()).End();
  }
  for (int i = 0; i < inputs.applications_size(); ++i) {
    const v1::SectionInputs::Entry& entry = inputs.applications(i);
    lines.Begin("application")
        .Text(entry.pseudonym())
        .Enum(v1::Application::Kind_Name(entry.kind()), entry.kind())
        .Text(entry.delegation())
        .Points(entry.score(), [&] { return absl::StrCat("applications[", i, "].score"); })
        .Number(entry.minimum_booths())
        .Number(entry.maximum_booths())
        .Flag(entry.newcomer())
        .Number(entry.booths())
        .Enum(v1::Application::StandType_Name(entry.stand_type()), entry.stand_type())
        .Text(entry.product_group())
        .Text(entry.exclusion())
        .End();
  }
  for (const v1::SectionInputs::Run& run : inputs.runs()) {
    lines.Begin("run")
        .Text(run.hall())
        .Text(run.row())
        .Number(run.first_number())
        .Number(run.number_step())
        .Number(run.cells())
        .Text(CornerNumbers(run))
        .End();
  }
  return lines.status();
}

void WriteResult(std::string_view section_id, const v1::SectionResult& result, TextSink sink) {
  Lines lines(sink);
  lines.Begin("section")
      .Text(section_id)
      .Number(result.firms())
      .Number(result.booths())
      .Number(result.left_booths())
      .End();
  for (const v1::SectionResult::Pool& pool : result.pools()) {
    lines.Begin("pool")
        .Enum(v1::ExplainApplicationResponse::Pool_Name(pool.pool()), pool.pool())
        .Text(pool.delegation())
        .Number(pool.booths())
        .Number(pool.left())
        .Text(pool.step())
        .Number(pool.applications())
        .End();
  }
  for (const v1::SectionResult::Decision& decision : result.decisions()) {
    lines.Begin("decision")
        .Text(decision.pseudonym())
        .Enum(v1::ExplainApplicationResponse::Pool_Name(decision.pool()), decision.pool())
        .Number(decision.rank())
        .Number(decision.booths())
        .Text(decision.reason())
        .Text(decision.hall())
        .Text(decision.row())
        .Number(decision.first_number())
        .End();
  }
  for (const v1::SectionResult::Bound& bound : result.bounds()) {
    lines.Begin("bound")
        .Enum(v1::SectionResult::StandClass_Name(bound.stand_class()), bound.stand_class())
        .Number(bound.booths())
        .Number(bound.bound())
        .Number(bound.demand())
        .End();
  }
}

absl::StatusOr<std::string> DigestOfRules(const v1::Rules& rules) {
  Sha256 sha;
  const absl::Status status = WriteRules(rules, [&](std::string_view piece) { sha.Add(piece); });
  if (!status.ok()) return status;
  return sha.HexDigits();
}

absl::StatusOr<std::string> DigestOfInputs(const v1::SectionInputs& inputs) {
  Sha256 sha;
  const absl::Status status = WriteInputs(inputs, [&](std::string_view piece) { sha.Add(piece); });
  if (!status.ok()) return status;
  return sha.HexDigits();
}

std::string DigestOfResult(std::string_view section_id, const v1::SectionResult& result) {
  Sha256 sha;
  WriteResult(section_id, result, [&](std::string_view piece) { sha.Add(piece); });
  return sha.HexDigits();
}

std::string DigestOfSnapshot(absl::Span<const std::string> inputs_digests) {
  Sha256 sha;
  for (const std::string& digest : inputs_digests) {
    sha.Add(digest);
    sha.Add("\n");
  }
  return sha.HexDigits();
}

std::string DigestOfAllocation(std::string_view snapshot_digest, std::string_view rules_digest,
                               std::string_view seed,
                               absl::Span<const std::string> result_digests) {
  Sha256 sha;
  for (const std::string_view line : {snapshot_digest, rules_digest, seed}) {
    sha.Add(line);
    sha.Add("\n");
  }
  for (const std::string& digest : result_digests) {
    sha.Add(digest);
    sha.Add("\n");
  }
  return sha.HexDigits();
}

}  // namespace caravan::fairs
