// What is read of parcels, on the caller's thread.
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/logistics/keeper.h"
#include "services/logistics/keeper_messages.h"

namespace caravan::logistics {
namespace {

v1::ParcelEvent::Effect EffectOf(const TrackingEvent& event, const Terms& terms, absl::Time now) {
  if (event.withdrawn) return v1::ParcelEvent::WITHDRAWN;
  if (event.time < terms.begin) return v1::ParcelEvent::BEFORE_PARCEL;
  if (event.time > now) return v1::ParcelEvent::IN_FUTURE;
  return v1::ParcelEvent::TAKES_PART;
}

}  // namespace

v1::Parcel Keeper::MessageOf(const std::string& id, const ParcelRecord& record,
                             absl::Time now) const {
  return ToMessage(id, record, ViewOf(record, registers_, now), registers_, now);
}

absl::StatusOr<v1::Parcel> Keeper::GetById(std::string id) const {
  const std::string asked = absl::StrCat(kParcelPrefix, id);
  const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Follow(&id);
  if (!record.ok()) return record.status();
  if (!*record) return ParcelNotFound(asked);
  return MessageOf(id, **record, options_.clock());
}

absl::StatusOr<v1::Parcel> Keeper::Get(std::string_view name) {
  absl::StatusOr<std::string> id = IdOf(name);
  if (!id.ok()) return id.status();
  return GetById(*std::move(id));
}

absl::StatusOr<std::vector<v1::Parcel>> Keeper::BatchGet(absl::Span<const std::string> names) {
  std::vector<std::string> ids;
  ids.reserve(names.size());
  for (const std::string& name : names) {
    absl::StatusOr<std::string> id = IdOf(name);
    if (!id.ok()) return id.status();
    ids.push_back(*std::move(id));
  }
  const auto records = ledger_.Read(ids);
  if (!records.ok()) return records.status();
  const absl::Time now = options_.clock();
  std::vector<v1::Parcel> parcels;
  parcels.reserve(names.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::optional<ParcelRecord>& record = (*records)[i];
    if (!record) return ParcelNotFound(names[i]);
    if (record->merged_into.empty()) {
      parcels.push_back(MessageOf(ids[i], *record, now));
      continue;
    }
    absl::StatusOr<v1::Parcel> parcel = GetById(ids[i]);
    if (!parcel.ok()) return parcel.status();
    parcels.push_back(*std::move(parcel));
  }
  return parcels;
}

absl::StatusOr<std::vector<v1::ParcelEvent>> Keeper::ListEvents(std::string_view name) {
  absl::StatusOr<std::string> id = IdOf(name);
  if (!id.ok()) return id.status();
  const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Follow(&*id);
  if (!record.ok()) return record.status();
  if (!*record) return ParcelNotFound(name);
  const absl::Time now = options_.clock();
  const ParcelView view = ViewOf(**record, registers_, now);
  std::vector<v1::ParcelEvent> events;
  events.reserve((*record)->events.events().size());
  for (const TrackingEvent& event : (*record)->events.events()) {
    v1::ParcelEvent& message = events.emplace_back();
    SetMessage(event, &message);
    message.set_effect(EffectOf(event, view.terms, now));
  }
  return events;
}

absl::StatusOr<v1::Parcel> Keeper::LookUp(std::string_view carrier, std::string_view number,
                                          absl::Time time) {
  const BucketKey key = NumberKeyOf(NumberKey(carrier, number));
  absl::StatusOr<std::vector<NumberUses>> uses = ReadNumbers({&key, 1});
  if (!uses.ok()) return uses.status();
  const bool wants_last = time == absl::InfiniteFuture();
  if (wants_last) time = options_.clock();
  absl::StatusOr<NumberUses::Meaning> meaning = Find(uses->front(), carrier, time);
  if (!meaning.ok()) return meaning.status();
  if (wants_last && meaning->kind == NumberUses::Meaning::Kind::kNone) {
    const NumberUses& all = uses->front();
    for (size_t use = 0; use < all.size() && all[use].start() <= time; ++use) {
      meaning = NumberUses::Meaning{NumberUses::Meaning::Kind::kUse, use};
    }
  }
  if (meaning->kind == NumberUses::Meaning::Kind::kUse) {
    absl::StatusOr<v1::Parcel> parcel = GetById(uses->front()[meaning->use].parcel);
    // A number without a parcel's row is that of an empty one, which nobody has seen.
    if (!absl::IsNotFound(parcel.status())) return parcel;
  }
  return api::Error(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                    absl::StrCat("number ", api::Quoted(number), " of ", api::Quoted(carrier),
                                 " means no parcel at ",
                                 absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone())))
      .Resource("caravan.dev/Parcel", "");
}

absl::StatusOr<std::optional<ParcelKeeper::Position>> Keeper::Scan(
    const Position& from, int64_t limit, absl::FunctionRef<bool(const v1::Parcel& parcel)> visit) {
  const absl::Time now = options_.clock();
  Position position = from;
  for (; position.bucket < store_.buckets(); position = {position.bucket + 1, ""}) {
    if (limit <= 0) return position;
    bool stopped = false;
    int64_t seen = 0;
    const absl::Status status =
        store_.Scan(ParcelTable::kParcels, position.bucket, position.after, limit,
                    [&](std::string_view key, std::string_view bytes) {
                      ++seen;
                      const absl::StatusOr<ParcelRecord> record = ParcelRecord::Parse(bytes);
                      position.after = key;
                      if (!record.ok()) {
                        Damaged(key);
                        return true;
                      }
                      if (!record->merged_into.empty()) return true;
                      stopped = !visit(MessageOf(position.after, *record, now));
                      return !stopped;
                    });
    if (!status.ok()) return status;
    if (stopped || seen == limit) return position;
    limit -= seen;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<ParcelKeeper::DayScorecard>> Keeper::ScorecardsOf(
    std::string_view parcel) {
  absl::StatusOr<std::string> id = IdOf(parcel);
  if (!id.ok()) return id.status();
  const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Follow(&*id);
  if (!record.ok()) return record.status();
  if (!*record) return ParcelNotFound(parcel);
  std::vector<DayScorecard> days;
  if ((*record)->kept.empty()) return days;
  const absl::StatusOr<Contribution> kept = Contribution::Parse((*record)->kept);
  if (!kept.ok()) return kept.status();
  ScorecardChanges changes;
  changes.Add((*record)->kept_dimensions, *kept);
  for (ScorecardChanges::Row& row : changes.Rows({Granularity::kDay})) {
    if (row.dimension != Dimension::kPartnership) continue;
    days.push_back({std::move(row.value),
                    static_cast<int32_t>(row.begin - absl::CivilDay(1970, 1, 1)),
                    std::move(row.change)});
  }
  return days;
}

absl::StatusOr<v1::WatchEventsResponse> ParcelKeeper::ParseJournal(std::string_view record) {
  v1::WatchEventsResponse response;
  if (!response.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return api::Error(absl::StatusCode::kDataLoss, "JOURNAL_MALFORMED",
                      "a stored row of the journal is damaged");
  }
  return response;
}

}  // namespace caravan::logistics
