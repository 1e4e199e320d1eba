// How parcels are announced, and changed.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/logistics/keeper.h"
#include "services/logistics/keeper_messages.h"

namespace caravan::logistics {
namespace {

using Kind = NumberUses::Meaning::Kind;

// Other keepers may come in between so often.
constexpr int kMaxPlans = 10;

absl::Status Invalid(std::string_view reason, std::string_view field, std::string problem) {
  return api::Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(field, ": ", problem))
      .Field(field, problem);
}

std::string TextOf(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

// The fields that are announced, by their path.
struct AnnouncedField {
  std::string_view path;
  std::string ParcelRecord::*of_record;
  const std::string& (v1::Parcel::*of_message)() const;
};
constexpr std::array<AnnouncedField, 6> kAnnouncedFields = {{
    {"seller", &ParcelRecord::seller, &v1::Parcel::seller},
    {"platform", &ParcelRecord::platform, &v1::Parcel::platform},
    {"origin_zone", &ParcelRecord::origin_zone, &v1::Parcel::origin_zone},
    {"partnership", &ParcelRecord::partnership, &v1::Parcel::partnership},
    {"lane", &ParcelRecord::lane, &v1::Parcel::lane},
    {"postal_code", &ParcelRecord::postal_code, &v1::Parcel::postal_code},
}};

}  // namespace

struct Keeper::Announcement {
  struct Number {
    BucketKey key;
    ParcelRecord::Number number;
    absl::Time moment;  // as of which it is this parcel's
  };

  const v1::CreateParcelRequest* request = nullptr;
  absl::Time time;  // as of which it is announced
  std::vector<Number> numbers;
  // The parcel that gets what is announced, and those that are merged into it.
  std::string id;
  std::vector<std::string> adopts;
  // It is announced already, and just so.
  bool is_repeat = false;
  // As far as it is known before it is written.
  ParcelRecord record;

  const v1::Parcel& parcel() const { return request->parcel(); }

  // Whether a parcel was announced just so.
  bool IsOf(ParcelRecord other) const {
    for (const AnnouncedField& field : kAnnouncedFields) {
      if (other.*field.of_record != (parcel().*field.of_message)()) return false;
    }
    if (parcel().has_announce_time() && other.announced != time) return false;
    return std::all_of(numbers.begin(), numbers.end(), [&](const Number& number) {
      const ParcelRecord::Number* its = other.Find(number.number.carrier, number.number.number);
      return its != nullptr && *its == number.number;
    });
  }

  void ApplyTo(ParcelRecord& other) const {
    for (const AnnouncedField& field : kAnnouncedFields) {
      other.*field.of_record = (parcel().*field.of_message)();
    }
    for (const Number& number : numbers) {
      if (ParcelRecord::Number* its = other.Find(number.number.carrier, number.number.number)) {
        its->begin = number.number.begin;
      } else {
        other.numbers.push_back(number.number);
      }
    }
    other.announced = time;
  }

  bool Adopts(std::string_view other) const {
    return std::find(adopts.begin(), adopts.end(), other) != adopts.end();
  }
};

absl::Status Keeper::CheckAgreement(const std::string& partnership, const std::string& lane,
                                    bool opens) const {
  if (!lane.empty() && !registers_.FindLane(lane).ok()) {
    return Invalid("REFERENCE_NOT_FOUND", "parcel.lane",
                   absl::StrCat(api::Quoted(lane), " does not exist"));
  }
  if (partnership.empty()) return absl::OkStatus();
  const auto agreed = registers_.FindPartnership(partnership);
  if (!agreed.ok()) {
    return Invalid("REFERENCE_NOT_FOUND", "parcel.partnership",
                   absl::StrCat(api::Quoted(partnership), " does not exist"));
  }
  if (!lane.empty() && !(*agreed)->lanes.contains(lane)) {
    return Invalid("LANE_NOT_IN_PARTNERSHIP", "parcel.lane",
                   absl::StrCat(api::Quoted(lane), " is no lane that ", partnership, " serves"));
  }
  if (opens && !(*agreed)->open) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "PARTNERSHIP_NOT_OPEN",
                      absl::StrCat(partnership, " takes no new parcels"))
        .Precondition("STATE", partnership, "takes no new parcels");
  }
  return absl::OkStatus();
}

absl::Status Keeper::CheckCarrier(const std::string& partnership, const std::string& carrier,
                                  std::string_view field) const {
  if (!registers_.FindCarrier(carrier).ok()) {
    return Invalid("REFERENCE_NOT_FOUND", field,
                   absl::StrCat(api::Quoted(carrier), " does not exist"));
  }
  if (partnership.empty()) return absl::OkStatus();
  const auto agreed = registers_.FindPartnership(partnership);
  if (!agreed.ok()) return absl::OkStatus();  // it is told of by CheckAgreement
  if (carrier == (*agreed)->courier || carrier == (*agreed)->line_haul_company) {
    return absl::OkStatus();
  }
  return Invalid(
      "CARRIER_NOT_IN_PARTNERSHIP", field,
      absl::StrCat(api::Quoted(carrier), " is neither of the companies of ", partnership));
}

absl::StatusOr<Keeper::Announcement> Keeper::CheckAnnouncement(
    const v1::CreateParcelRequest& request, absl::Time now) const {
  const v1::Parcel& parcel = request.parcel();
  absl::Status status = CheckAgreement(parcel.partnership(), parcel.lane(), true);
  if (!status.ok()) return status;
  if (parcel.tracking_numbers().empty()) {
    return Invalid("INVALID_FIELDS", "parcel.tracking_numbers", "is empty; it would have one");
  }
  Announcement announcement;
  announcement.request = &request;
  announcement.time = parcel.has_announce_time() ? FromTimestamp(parcel.announce_time()) : now;
  if (announcement.time > now) {
    return Invalid("INVALID_FIELDS", "parcel.announce_time",
                   absl::StrCat("is ", TextOf(announcement.time), ", which is yet to come; it is ",
                                TextOf(now), " now"));
  }
  absl::flat_hash_set<std::string> keys;
  for (int i = 0; i < parcel.tracking_numbers_size(); ++i) {
    const v1::TrackingNumber& from = parcel.tracking_numbers(i);
    const std::string field = absl::StrCat("parcel.tracking_numbers[", i, "]");
    status = CheckCarrier(parcel.partnership(), from.carrier(), absl::StrCat(field, ".carrier"));
    if (!status.ok()) return status;
    Announcement::Number& number = announcement.numbers.emplace_back();
    number.key = NumberKeyOf(NumberKey(from.carrier(), from.number()));
    number.number = {from.carrier(), from.number()};
    if (from.has_begin_time()) number.number.begin = FromTimestamp(from.begin_time());
    number.moment = from.has_begin_time() ? number.number.begin : announcement.time;
    if (!keys.insert(number.key.key).second) {
      return Invalid("INVALID_FIELDS", field, "is there twice");
    }
  }
  return announcement;
}

absl::StatusOr<Keeper::KnownParcels> Keeper::ReadParcelsOf(
    absl::Span<const Announcement> plan, absl::Span<const NumberUses> numbers) const {
  absl::flat_hash_set<std::string> ids;
  for (const Announcement& announcement : plan) {
    if (!announcement.request->parcel_id().empty()) ids.insert(announcement.request->parcel_id());
  }
  for (const NumberUses& uses : numbers) {
    for (size_t i = 0; i < uses.size(); ++i) ids.insert(uses[i].parcel);
  }
  const std::vector<std::string> order(ids.begin(), ids.end());
  auto records = ledger_.ReadEach(order);
  if (!records.ok()) return records.status();
  KnownParcels known;
  for (size_t i = 0; i < order.size(); ++i) known[order[i]] = std::move((*records)[i]);
  return known;
}

absl::StatusOr<std::optional<ParcelRecord>> Keeper::Follow(const KnownParcels& known,
                                                           std::string* id) const {
  const auto found = known.find(*id);
  if (found == known.end()) return ledger_.Follow(id);
  const absl::StatusOr<std::optional<ParcelRecord>>& record = found->second;
  if (!record.ok() || !*record || (*record)->merged_into.empty()) return record;
  return ledger_.Follow(id);
}

absl::Status Keeper::PlanAnnouncements(std::vector<Announcement>& plan) const {
  std::vector<BucketKey> keys;
  for (const Announcement& announcement : plan) {
    for (const Announcement::Number& number : announcement.numbers) keys.push_back(number.key);
  }
  absl::StatusOr<std::vector<NumberUses>> uses = ReadNumbers(keys);
  if (!uses.ok()) return uses.status();
  absl::StatusOr<KnownParcels> known = ReadParcelsOf(plan, *uses);
  if (!known.ok()) return known.status();
  // What is announced with this call takes part, number by number and parcel by parcel.
  absl::flat_hash_set<std::string> taken_numbers, taken_parcels;
  size_t next_number = 0;
  for (size_t i = 0; i < plan.size(); ++i) {
    Announcement& announcement = plan[i];
    const std::string prefix = plan.size() > 1 ? absl::StrCat("requests[", i, "].") : "";
    announcement.adopts.clear();
    announcement.is_repeat = false;
    announcement.record = {};
    announcement.id = announcement.request->parcel_id();
    bool exists = false;
    if (!announcement.id.empty()) {
      const absl::StatusOr<std::optional<ParcelRecord>> own = Follow(*known, &announcement.id);
      if (!own.ok()) return own.status();
      exists = own->has_value();
      if (exists) announcement.record = **own;
      const bool announced = exists && announcement.record.announced.has_value();
      announcement.is_repeat = announced && announcement.IsOf(announcement.record);
      if (announced && !announcement.is_repeat) {
        const std::string name = absl::StrCat(kParcelPrefix, announcement.request->parcel_id());
        return api::Error(
                   absl::StatusCode::kAlreadyExists, "PARCEL_EXISTS",
                   absl::StrCat(prefix, "parcel_id: ", name, " is announced with another content"))
            .Resource("caravan.dev/Parcel", name);
      }
    }
    for (size_t n = 0; n < announcement.numbers.size(); ++n) {
      const Announcement::Number& number = announcement.numbers[n];
      NumberUses& its = (*uses)[next_number++];
      const auto in_use = [&] {
        return api::Error(absl::StatusCode::kAlreadyExists, "TRACKING_NUMBER_IN_USE",
                          absl::StrCat(prefix, "parcel.tracking_numbers[", n,
                                       "]: ", api::Quoted(number.number.number), " of ",
                                       number.number.carrier, " is another parcel's"));
      };
      if (!taken_numbers.insert(number.key.key).second) return in_use();
      if (announcement.is_repeat) continue;
      const absl::StatusOr<NumberUses::Meaning> meaning =
          Find(its, number.number.carrier, number.moment);
      if (!meaning.ok()) return meaning.status();
      if (meaning->kind == Kind::kNone) continue;
      std::string found = its[meaning->use].parcel;
      const absl::StatusOr<std::optional<ParcelRecord>> record = Follow(*known, &found);
      if (!record.ok()) return record.status();
      if (exists && found == announcement.id) continue;
      if (*record && (*record)->announced) return in_use();
      if (exists) {
        if (!announcement.Adopts(found)) announcement.adopts.push_back(found);
      } else {
        exists = true;
        announcement.id = found;
        if (*record) announcement.record = **record;
      }
    }
    if (announcement.id.empty()) announcement.id = announcement.request->parcel_id();
    for (const std::string& id : announcement.adopts) {
      if (!taken_parcels.insert(id).second) announcement.id.clear();
    }
    if (!announcement.id.empty() && !taken_parcels.insert(announcement.id).second) {
      announcement.id.clear();
    }
    const bool is_new = !exists && announcement.request->parcel_id().empty();
    if (announcement.id.empty() && !is_new) {
      return api::Error(absl::StatusCode::kAlreadyExists, "TRACKING_NUMBER_IN_USE",
                        absl::StrCat(prefix, "parcel: is the parcel of another request, too"));
    }
    if (!announcement.is_repeat) announcement.ApplyTo(announcement.record);
  }
  return absl::OkStatus();
}

absl::Status Keeper::WriteAnnouncements(std::vector<Announcement>& plan, absl::Time now) {
  const auto changed = [] {
    return absl::AbortedError("a number has come to mean another parcel");
  };
  // Numbers first: one without a parcel's row is an empty parcel, that is claimed when
  // the announcement is made again.
  std::vector<BucketKey> keys;
  absl::flat_hash_map<std::string, std::pair<const Announcement*, const Announcement::Number*>>
      by_number;
  absl::flat_hash_map<std::string, const Announcement*> by_id, by_alias;
  std::vector<BucketKey> parcels, aliases;
  for (Announcement& announcement : plan) {
    if (announcement.is_repeat) continue;
    if (announcement.id.empty()) announcement.id = NewParcelId();
    by_id[announcement.id] = &announcement;
    parcels.push_back(ledger_.KeyOf(announcement.id));
    const std::string& alias = announcement.request->parcel_id();
    if (!alias.empty() && alias != announcement.id) {
      by_alias[alias] = &announcement;
      aliases.push_back(ledger_.KeyOf(alias));
    }
    for (const Announcement::Number& number : announcement.numbers) {
      keys.push_back(number.key);
      by_number[number.key.key] = {&announcement, &number};
    }
  }
  SortKeys(&keys);
  SortKeys(&parcels);
  SortKeys(&aliases);
  absl::Status status = ChangeNumbers(keys, [&](size_t i, NumberUses& uses) -> absl::Status {
    const auto& [announcement, number] = by_number[keys[i].key];
    const absl::StatusOr<NumberUses::Meaning> meaning =
        Find(uses, number->number.carrier, number->moment);
    if (!meaning.ok()) return meaning.status();
    if (meaning->kind == Kind::kNone) {
      uses.Add({announcement->id, number->number.begin, number->moment, number->moment});
      return absl::OkStatus();
    }
    std::string found = uses[meaning->use].parcel;
    if (found != announcement->id) {
      const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Follow(&found);
      if (!record.ok()) return record.status();
      if (found != announcement->id && !announcement->Adopts(found)) return changed();
    }
    uses.Widen(meaning->use, number->moment);
    if (number->number.begin != absl::InfinitePast()) {
      uses.SetBegin(meaning->use, number->number.begin);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // A name that was asked for leads to the parcel that answers: before that is announced,
  // so that asking again finds it.
  status = ledger_.Change(aliases, now, [&](size_t i, Visit& visit) -> absl::StatusOr<Verdict> {
    const Announcement& announcement = *by_alias[aliases[i].key];
    if (!visit.record.merged_into.empty()) return Verdict::kUnchanged;
    if (visit.exists) return changed();
    visit.record.merged_into = announcement.id;
    return Verdict::kChanged;
  });
  if (!status.ok()) return status;
  status = ledger_.Change(parcels, now, [&](size_t i, Visit& visit) -> absl::StatusOr<Verdict> {
    const Announcement& announcement = *by_id[parcels[i].key];
    if (visit.record.announced && announcement.IsOf(visit.record)) return Verdict::kUnchanged;
    if (visit.record.announced || !visit.record.merged_into.empty()) return changed();
    announcement.ApplyTo(visit.record);
    for (const std::string& id : announcement.adopts) visit.record.adopting.push_back(id);
    return Verdict::kChanged;
  });
  if (!status.ok()) return status;
  for (const Announcement& announcement : plan) {
    if (announcement.adopts.empty()) continue;
    status = FinishMerges(announcement.id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Parcel>> Keeper::AnnounceInTurn(
    absl::Span<const v1::CreateParcelRequest* const> requests) {
  const absl::Time now = Now();
  const bool validate_only = !requests.empty() && requests[0]->validate_only();
  std::vector<Announcement> plan;
  plan.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i]->validate_only() != validate_only) {
      return Invalid("INVALID_FIELDS", absl::StrCat("requests[", i, "].validate_only"),
                     "is another than that of requests[0]; all of them are only checked, or none");
    }
    absl::StatusOr<Announcement> announcement = CheckAnnouncement(*requests[i], now);
    if (!announcement.ok()) {
      return requests.size() == 1
                 ? announcement.status()
                 : api::WithFieldPrefix(announcement.status(), absl::StrCat("requests[", i, "]."));
    }
    plan.push_back(*std::move(announcement));
  }
  for (int round = 0;; ++round) {
    absl::Status status = PlanAnnouncements(plan);
    if (!status.ok()) return status;
    if (validate_only) break;
    status = WriteAnnouncements(plan, now);
    if (status.ok()) break;
    if (!absl::IsAborted(status)) return status;
    if (round == kMaxPlans) {
      return api::Error(absl::StatusCode::kUnavailable, "PARCELS_BUSY",
                        "others announce the same numbers at the same time; try again");
    }
  }
  std::vector<v1::Parcel> parcels;
  parcels.reserve(plan.size());
  if (validate_only) {
    for (const Announcement& announcement : plan) {
      parcels.push_back(MessageOf(announcement.id, announcement.record, now));
    }
    return parcels;
  }
  std::vector<std::string> names;
  for (const Announcement& announcement : plan) {
    names.push_back(absl::StrCat(kParcelPrefix, announcement.id));
  }
  return BatchGet(names);
}

absl::StatusOr<std::vector<v1::Parcel>> Keeper::Announce(
    absl::Span<const v1::CreateParcelRequest* const> requests) {
  return InTurn([&] { return AnnounceInTurn(requests); });
}

absl::StatusOr<v1::Parcel> Keeper::UpdateInTurn(const v1::Parcel& parcel,
                                                absl::Span<const std::string> paths,
                                                bool validate_only) {
  const absl::Time now = Now();
  absl::StatusOr<std::string> id = IdOf(parcel.name());
  if (!id.ok()) return id.status();
  absl::StatusOr<std::optional<ParcelRecord>> found = ledger_.Follow(&*id);
  if (!found.ok()) return found.status();
  if (!*found) return ParcelNotFound(parcel.name());
  const auto apply = [&](ParcelRecord& record) {
    for (const std::string& path : paths) {
      for (const AnnouncedField& field : kAnnouncedFields) {
        if (field.path == path) record.*field.of_record = (parcel.*field.of_message)();
      }
    }
    // Whoever says whose it is has announced it.
    if (!record.announced) record.announced = now;
  };
  ParcelRecord record = **found;
  apply(record);
  const bool moves = record.partnership != (*found)->partnership;
  absl::Status status = CheckAgreement(record.partnership, record.lane, moves);
  for (const ParcelRecord::Number& number : record.numbers) {
    if (!status.ok()) return status;
    if (moves) status = CheckCarrier(record.partnership, number.carrier, "parcel.partnership");
  }
  if (!status.ok()) return status;
  if (validate_only) return MessageOf(*id, record, now);
  const BucketKey key = ledger_.KeyOf(*id);
  bool is_gone = false;
  status = ledger_.Change({&key, 1}, now, [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
    is_gone = !visit.exists || !visit.record.merged_into.empty();
    if (is_gone) return Verdict::kUnchanged;
    apply(visit.record);
    record = visit.record;
    return Verdict::kChanged;
  });
  if (!status.ok()) return status;
  // It was merged at this moment: the same for the one that it is merged into.
  if (is_gone) return UpdateInTurn(parcel, paths, validate_only);
  return MessageOf(*id, record, now);
}

absl::StatusOr<v1::Parcel> Keeper::Update(const v1::Parcel& parcel,
                                          absl::Span<const std::string> paths, bool validate_only) {
  return InTurn([&] { return UpdateInTurn(parcel, paths, validate_only); });
}

}  // namespace caravan::logistics
