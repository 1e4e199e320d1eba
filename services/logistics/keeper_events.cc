// How events are taken in: whose they are, and what follows.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/event_intake.h"
#include "services/logistics/journal_writer.h"
#include "services/logistics/keeper.h"

namespace caravan::logistics {
namespace {

using Outcome = EventSet::Outcome;

// Merges are followed so far; nobody merges so often.
constexpr int kMaxMerges = 10;

}  // namespace

struct Keeper::Intake {
  // A batch, and what became of it.
  struct Taken {
    Waiting waiting;
    std::shared_ptr<const Registers::Carrier> carrier;
    std::optional<EventIntake> intake;
    absl::Status status;
    Ingested answer;
  };
  // An event that was not refused so far.
  struct Item {
    uint32_t batch = 0;
    uint32_t index = 0;
    uint32_t slot = 0;
    uint32_t parcel = 0;
    bool opens = false;  // its parcel
    bool refused = false;
    Outcome outcome = Outcome::kKnown;
    TrackingEvent event;
  };
  // A tracking number, and its events.
  struct Slot {
    BucketKey key;
    uint32_t batch = 0;  // one of those in which it occurs: they have the same carrier
    NumberUses uses;
    std::vector<uint32_t> items = {};    // by time
    std::vector<uint32_t> waiting = {};  // for the time zone of the destination: their items
  };
  struct Parcel {
    BucketKey key;
    std::vector<uint32_t> items = {};
    std::string merged_into = {};
  };

  absl::Time now;
  std::vector<Taken> batches;
  std::vector<Item> items;
  std::vector<Slot> slots;
  std::vector<Parcel> parcels;
  // How far sources have come with this, by the key of their cursor.
  absl::flat_hash_map<std::string, int64_t> positions;
  bool has_written_positions = false;
  absl::flat_hash_map<std::string, uint32_t> slots_by_key;
  absl::flat_hash_map<std::string, uint32_t> parcels_by_id;

  const v1::TrackingEvent& EventOf(const Item& item) const {
    return (*batches[item.batch].waiting.batch.events)[static_cast<int>(item.index)];
  }
  std::string_view CarrierOf(const Slot& slot) const {
    return batches[slot.batch].waiting.batch.carrier;
  }
  void Refuse(uint32_t batch, uint32_t index, const absl::Status& why) {
    Refuse(batch, index, api::ReasonOf(why), std::string(why.message()));
  }
  void Refuse(uint32_t batch, uint32_t index, std::string reason, std::string message) {
    Ingested& answer = batches[batch].answer;
    answer.counts.set_refused(answer.counts.refused() + 1);
    if (answer.problems.size() == kMaxProblems) {
      // They come by phases, and the first by index are wanted.
      const auto last =
          std::max_element(answer.problems.begin(), answer.problems.end(),
                           [](const auto& a, const auto& b) { return a.index() < b.index(); });
      if (last->index() < static_cast<int>(index)) return;
      answer.problems.erase(last);
    }
    v1::EventProblem& problem = answer.problems.emplace_back();
    problem.set_index(static_cast<int32_t>(index));
    problem.set_reason(std::move(reason));
    problem.set_message(std::move(message));
  }
  // Moves the cursors of these keys on; they do not go back.
  absl::Status WritePositions(absl::Span<const BucketKey> keys, ParcelTransaction& tx) const {
    const auto rows = tx.Get(ParcelTable::kCursors, keys);
    if (!rows.ok()) return rows.status();
    for (size_t i = 0; i < keys.size(); ++i) {
      int64_t stored = 0;
      if ((*rows)[i] && !absl::SimpleAtoi(*(*rows)[i], &stored)) stored = 0;
      const int64_t position = positions.at(keys[i].key);
      if (position > stored) tx.Put(ParcelTable::kCursors, keys[i], absl::StrCat(position));
    }
    return absl::OkStatus();
  }
  // All events of a number.
  void RefuseAll(Slot& slot, const absl::Status& why) {
    for (std::vector<uint32_t>* indexes : {&slot.items, &slot.waiting}) {
      for (const uint32_t index : *indexes) {
        Item& item = items[index];
        if (!item.refused) Refuse(item.batch, item.index, why);
        item.refused = true;
      }
      indexes->clear();
    }
  }
  // The parcel of an item, which is added where it is new.
  void SetParcel(Item& item, const std::string& id, const ParcelLedger& ledger) {
    const auto [parcel, is_new] =
        parcels_by_id.try_emplace(id, static_cast<uint32_t>(parcels.size()));
    if (is_new) parcels.push_back({ledger.KeyOf(id)});
    item.parcel = parcel->second;
  }
};

// In the order of SortKeys().
std::vector<BucketKey> Keeper::CursorKeys(const Intake& intake) const {
  std::vector<BucketKey> keys;
  for (const auto& [key, position] : intake.positions) keys.push_back(NumberKeyOf(key));
  SortKeys(&keys);
  return keys;
}

void Keeper::Ingest(Batch batch, absl::AnyInvocable<void(absl::StatusOr<Ingested>)> done) {
  Waiting waiting{std::move(batch), std::move(done)};
  if (queue_.Add(waiting)) return;
  waiting.done(api::Error(absl::StatusCode::kResourceExhausted, "INGESTION_BUSY",
                          "too many events wait to be taken in; send the batch again later")
                   .RetryAfter(1));
}

void Keeper::TakeIn(std::vector<Waiting> batches) {
  Intake intake;
  intake.now = Now();
  for (Waiting& waiting : batches) {
    Intake::Taken& taken = intake.batches.emplace_back();
    taken.waiting = std::move(waiting);
    auto carrier = registers_.FindCarrier(taken.waiting.batch.carrier);
    taken.status = carrier.status();
    if (!carrier.ok()) continue;
    if (const Batch& batch = taken.waiting.batch; !batch.source.empty()) {
      int64_t& position = intake.positions[absl::StrCat(batch.carrier, " ", batch.source)];
      position = std::max(position, batch.position);
    }
    taken.carrier = *std::move(carrier);
    taken.intake.emplace(taken.waiting.batch.carrier, *taken.carrier, intake.now, OldestTaken());
  }
  if (const absl::Status status = TakeIn(intake); !status.ok()) {
    for (Intake::Taken& taken : intake.batches) taken.status.Update(status);
  }
  Answer(intake);
}

absl::Status Keeper::TakeIn(Intake& intake) {
  ReadEvents(intake);
  if (absl::Status status = ReadNumbers(intake); !status.ok()) return status;
  if (absl::Status status = ReadZones(intake); !status.ok()) return status;
  if (absl::Status status = FindParcels(intake); !status.ok()) return status;
  if (absl::Status status = AddEvents(intake); !status.ok()) return status;
  return WriteCursors(intake);
}

void Keeper::ReadEvents(Intake& intake) {
  size_t count = 0;
  for (const Intake::Taken& taken : intake.batches) {
    if (taken.status.ok()) count += static_cast<size_t>(taken.waiting.batch.events->size());
  }
  intake.items.reserve(count);
  intake.slots_by_key.reserve(count);
  std::string key;
  for (size_t b = 0; b < intake.batches.size(); ++b) {
    Intake::Taken& taken = intake.batches[b];
    if (!taken.status.ok()) continue;
    const Batch& batch = taken.waiting.batch;
    key = batch.carrier;
    key.push_back(' ');
    const size_t prefix = key.size();
    for (int i = 0; i < batch.events->size(); ++i) {
      const v1::TrackingEvent& event = (*batch.events)[i];
      Intake::Item& item = intake.items.emplace_back();
      item.batch = static_cast<uint32_t>(b);
      item.index = static_cast<uint32_t>(i);
      const bool waits = taken.intake->WantsDestination(event);
      const absl::Status status =
          waits ? EventIntake::Check(event) : taken.intake->Read(event, std::nullopt, &item.event);
      if (!status.ok()) {
        intake.items.pop_back();
        intake.Refuse(static_cast<uint32_t>(b), static_cast<uint32_t>(i), status);
        continue;
      }
      key.resize(prefix);
      key += event.tracking_number();
      const auto [slot, is_new] =
          intake.slots_by_key.try_emplace(key, static_cast<uint32_t>(intake.slots.size()));
      if (is_new) {
        Intake::Slot& added = intake.slots.emplace_back();
        added.key = NumberKeyOf(key);
        added.batch = item.batch;
      }
      item.slot = slot->second;
      const auto index = static_cast<uint32_t>(intake.items.size() - 1);
      Intake::Slot& its = intake.slots[item.slot];
      (waits ? its.waiting : its.items).push_back(index);
    }
  }
}

absl::Status Keeper::ReadNumbers(Intake& intake) {
  std::vector<BucketKey> keys;
  std::vector<size_t> slots;
  for (size_t i = 0; i < intake.slots.size(); ++i) {
    Intake::Slot& slot = intake.slots[i];
    if (const NumberUses* uses = numbers_.Find(slot.key.key)) {
      slot.uses = *uses;
    } else {
      keys.push_back(slot.key);
      slots.push_back(i);
    }
  }
  if (keys.empty()) return absl::OkStatus();
  const auto rows = store_.Get(ParcelTable::kNumbers, keys);
  if (!rows.ok()) return rows.status();
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!(*rows)[i]) continue;
    absl::StatusOr<NumberUses> uses = NumberUses::Parse(*(*rows)[i]);
    if (uses.ok()) {
      intake.slots[slots[i]].uses = *std::move(uses);
    } else {
      intake.RefuseAll(intake.slots[slots[i]], DamagedNumber(keys[i].key));
    }
  }
  return absl::OkStatus();
}

// Reads the events whose time is that of their parcel's destination: the parcel is the
// one that the number means last, as the time is what is not known yet.
absl::Status Keeper::ReadZones(Intake& intake) {
  std::vector<std::string> ids;
  std::vector<Intake::Slot*> slots;
  for (Intake::Slot& slot : intake.slots) {
    if (slot.waiting.empty()) continue;
    slots.push_back(&slot);
    ids.push_back(slot.uses.empty() ? "" : slot.uses[slot.uses.size() - 1].parcel);
  }
  if (slots.empty()) return absl::OkStatus();
  auto records = ledger_.ReadEach(ids);
  if (!records.ok()) return records.status();
  for (size_t i = 0; i < slots.size(); ++i) {
    std::optional<absl::TimeZone> zone;
    absl::StatusOr<std::optional<ParcelRecord>>& read = (*records)[i];
    if (read.ok() && *read && !(*read)->merged_into.empty()) read = ledger_.Follow(&ids[i]);
    if (absl::IsDataLoss(read.status())) {
      Damaged(ids[i]);
      intake.RefuseAll(*slots[i], read.status());
      continue;
    }
    if (!read.ok()) return read.status();
    const std::optional<ParcelRecord>& record = *read;
    if (record && !record->lane.empty()) {
      const auto lane = registers_.FindLane(record->lane);
      if (lane.ok()) zone = (*lane)->zone;
    }
    for (const uint32_t index : slots[i]->waiting) {
      Intake::Item& item = intake.items[index];
      const absl::Status status =
          intake.batches[item.batch].intake->Read(intake.EventOf(item), zone, &item.event);
      if (status.ok()) {
        slots[i]->items.push_back(index);
      } else {
        item.refused = true;
        intake.Refuse(item.batch, item.index, status);
      }
    }
  }
  return absl::OkStatus();
}

// Finds the parcels of a number's events. Where `writes`, those that there are not are
// opened; else `*changed` says that there are such, or that the number is to be stored.
absl::Status Keeper::FindParcels(Intake& intake, size_t slot, NumberUses& uses, bool writes,
                                 bool* changed) {
  using Kind = NumberUses::Meaning::Kind;
  Intake::Slot& its = intake.slots[slot];
  const std::string_view carrier = intake.CarrierOf(its);
  for (const uint32_t index : its.items) {
    Intake::Item& item = intake.items[index];
    const absl::Time time = item.event.time;
    const absl::StatusOr<NumberUses::Meaning> meaning = Find(uses, carrier, time);
    if (absl::IsDataLoss(meaning.status())) {
      intake.RefuseAll(its, meaning.status());
      return absl::OkStatus();
    }
    if (!meaning.ok()) return meaning.status();
    size_t use = meaning->use;
    item.opens = meaning->kind == Kind::kNone;
    if (item.opens) {
      *changed = true;
      if (!writes) return absl::OkStatus();
      use = uses.Add({NewParcelId(), absl::InfinitePast(), time, time});
    } else if (uses.Widen(use, time)) {
      *changed = true;
      if (!writes) return absl::OkStatus();
    }
    if (writes) {
      intake.SetParcel(item, uses[use].parcel, ledger_);
    } else {
      item.parcel = static_cast<uint32_t>(use);  // until it is known that none is opened
    }
  }
  return absl::OkStatus();
}

absl::Status Keeper::FindParcels(Intake& intake) {
  std::vector<size_t> to_write;
  for (size_t i = 0; i < intake.slots.size(); ++i) {
    Intake::Slot& slot = intake.slots[i];
    if (slot.items.empty()) continue;
    // In the order of time, so that a batch's own order does not matter.
    std::stable_sort(slot.items.begin(), slot.items.end(), [&](uint32_t a, uint32_t b) {
      return intake.items[a].event.time < intake.items[b].event.time;
    });
    bool changed = false;
    if (absl::Status status = FindParcels(intake, i, slot.uses, false, &changed); !status.ok()) {
      return status;
    }
    if (changed) {
      to_write.push_back(i);
      continue;
    }
    for (const uint32_t index : slot.items) {
      Intake::Item& item = intake.items[index];
      intake.SetParcel(item, slot.uses[item.parcel].parcel, ledger_);
    }
    numbers_.Put(slot.key.key, std::move(slot.uses));
  }
  return OpenParcels(intake, to_write);
}

absl::Status Keeper::OpenParcels(Intake& intake, absl::Span<const size_t> slots) {
  std::vector<size_t> order(slots.begin(), slots.end());
  const auto key_of = [&](size_t slot) -> const BucketKey& { return intake.slots[slot].key; };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(key_of(a).bucket, key_of(a).key) < std::tie(key_of(b).bucket, key_of(b).key);
  });
  std::vector<BucketKey> keys;
  keys.reserve(order.size());
  for (const size_t slot : order) keys.push_back(key_of(slot));
  return ChangeNumbers(keys, [&](size_t index, NumberUses& uses) {
    bool changed = false;
    return FindParcels(intake, order[index], uses, true, &changed);
  });
}

absl::Status Keeper::AddEvents(Intake& intake) {
  for (size_t i = 0; i < intake.items.size(); ++i) {
    const Intake::Item& item = intake.items[i];
    if (!item.refused) intake.parcels[item.parcel].items.push_back(static_cast<uint32_t>(i));
  }
  std::vector<uint32_t> order;
  order.reserve(intake.parcels.size());
  for (uint32_t i = 0; i < intake.parcels.size(); ++i) {
    // A transaction that was run again has opened others.
    if (!intake.parcels[i].items.empty()) order.push_back(i);
  }
  JournalWriter journal;
  std::vector<BucketKey> cursors;
  if (store_.buckets() == 1) cursors = CursorKeys(intake);
  for (int merges = 0; !order.empty(); ++merges) {
    if (merges > kMaxMerges) {
      return api::Error(absl::StatusCode::kDataLoss, "PARCELS_MERGED_IN_A_CIRCLE",
                        absl::StrCat("parcels/", intake.parcels[order[0]].key.key,
                                     " was merged too often to be followed"));
    }
    const auto key_of = [&](uint32_t parcel) -> const BucketKey& {
      return intake.parcels[parcel].key;
    };
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return std::tie(key_of(a).bucket, key_of(a).key) < std::tie(key_of(b).bucket, key_of(b).key);
    });
    std::vector<BucketKey> keys;
    keys.reserve(order.size());
    for (const uint32_t parcel : order) keys.push_back(key_of(parcel));
    const auto all_are_here = [&] {
      return std::all_of(order.begin(), order.end(), [&](uint32_t parcel) {
        return intake.parcels[parcel].merged_into.empty();
      });
    };
    const auto add = [&](size_t index, Visit& visit) -> absl::StatusOr<Verdict> {
      if (index == 0) intake.has_written_positions = false;
      Intake::Parcel& parcel = intake.parcels[order[index]];
      parcel.merged_into = visit.record.merged_into;
      if (!parcel.merged_into.empty()) return Verdict::kUnchanged;
      bool changed = false;
      for (const uint32_t i : parcel.items) {
        Intake::Item& item = intake.items[i];
        item.outcome = visit.record.events.Add(item.event);
        if (item.outcome == Outcome::kAdded || item.outcome == Outcome::kCorrected) {
          journal.Add(visit.id, item.event, &visit.journal);
        }
        changed = changed || (item.outcome != Outcome::kKnown && item.outcome != Outcome::kRefused);
        if (visit.exists) continue;
        const std::string& number = intake.EventOf(item).tracking_number();
        if (visit.record.Find(item.event.carrier, number) == nullptr) {
          visit.record.numbers.push_back({item.event.carrier, number});
        }
      }
      // With the last of the events of a bucket, the cursors that lie there too.
      if (index + 1 == order.size() && !cursors.empty() && all_are_here()) {
        absl::Status status = intake.WritePositions(cursors, visit.tx);
        if (!status.ok()) return status;
        intake.has_written_positions = true;
      }
      return changed ? Verdict::kChanged : Verdict::kUnchanged;
    };
    std::vector<size_t> damaged;
    absl::Status status = ledger_.Change(keys, intake.now, add, &damaged);
    if (!status.ok()) return status;
    for (const size_t index : damaged) {
      Intake::Parcel& parcel = intake.parcels[order[index]];
      parcel.merged_into.clear();
      Damaged(parcel.key.key);
      for (const uint32_t i : std::exchange(parcel.items, {})) {
        Intake::Item& item = intake.items[i];
        item.refused = true;
        intake.Refuse(item.batch, item.index, DamagedParcel(parcel.key.key));
      }
    }
    // Those of parcels that were merged meanwhile.
    std::vector<uint32_t> merged;
    for (const uint32_t from : order) {
      if (intake.parcels[from].merged_into.empty()) continue;
      for (const uint32_t i : std::exchange(intake.parcels[from].items, {})) {
        Intake::Item& item = intake.items[i];
        intake.SetParcel(item, intake.parcels[from].merged_into, ledger_);
        intake.parcels[item.parcel].items.push_back(i);
        merged.push_back(item.parcel);
        numbers_.Remove(intake.slots[item.slot].key.key);
      }
    }
    std::sort(merged.begin(), merged.end());
    merged.erase(std::unique(merged.begin(), merged.end()), merged.end());
    order = std::move(merged);
  }
  return absl::OkStatus();
}

// Where all is in one bucket, this was done with the events.
absl::Status Keeper::WriteCursors(Intake& intake) {
  if (intake.positions.empty() || intake.has_written_positions) return absl::OkStatus();
  const std::vector<BucketKey> keys = CursorKeys(intake);
  std::vector<int> buckets;
  for (const BucketKey& key : keys) {
    if (buckets.empty() || buckets.back() != key.bucket) buckets.push_back(key.bucket);
  }
  return store_.Write(buckets,
                      [&](ParcelTransaction& tx) { return intake.WritePositions(keys, tx); });
}

void Keeper::Answer(Intake& intake) {
  {
    absl::MutexLock lock(&unknown_mutex_);
    for (const Intake::Item& item : intake.items) {
      Intake::Taken& taken = intake.batches[item.batch];
      if (!taken.status.ok() || item.refused) continue;
      v1::IngestionCounts& counts = taken.answer.counts;
      switch (item.outcome) {
        case Outcome::kAdded:
          counts.set_added(counts.added() + 1);
          if (item.opens) counts.set_opened_parcels(counts.opened_parcels() + 1);
          break;
        case Outcome::kCorrected:
          counts.set_corrected(counts.corrected() + 1);
          break;
        case Outcome::kEarlier:
        case Outcome::kKnown:
          counts.set_known(counts.known() + 1);
          break;
        case Outcome::kRefused:
          intake.Refuse(item.batch, item.index, "TOO_MANY_EVENTS",
                        absl::StrCat("tracking_number: the parcel of '",
                                     intake.EventOf(item).tracking_number(), "' has ",
                                     EventSet::kMaxEvents, " events, and takes no more"));
          continue;
      }
      if (item.event.known) continue;
      counts.set_unknown_codes(counts.unknown_codes() + 1);
      if (item.outcome == Outcome::kAdded || item.outcome == Outcome::kCorrected) {
        unknown_codes_[item.event.carrier].Count("", item.event.code);
      }
    }
  }
  for (Intake::Taken& taken : intake.batches) {
    if (!taken.status.ok()) {
      taken.waiting.done(taken.status);
      continue;
    }
    std::sort(taken.answer.problems.begin(), taken.answer.problems.end(),
              [](const auto& a, const auto& b) { return a.index() < b.index(); });
    taken.waiting.done(std::move(taken.answer));
  }
}

absl::StatusOr<int64_t> Keeper::GetCursor(std::string_view carrier, std::string_view source) {
  const BucketKey key = NumberKeyOf(absl::StrCat(carrier, " ", source));
  const auto rows = store_.Get(ParcelTable::kCursors, {&key, 1});
  if (!rows.ok()) return rows.status();
  int64_t position = 0;
  if (rows->front() && !absl::SimpleAtoi(*rows->front(), &position)) {
    return api::Error(absl::StatusCode::kDataLoss, "CURSOR_MALFORMED",
                      absl::StrCat("the stored position of ", key.key, " is no number"));
  }
  return position;
}

std::vector<UnknownCodes::Row> Keeper::UnknownCodesOf(std::string_view carrier) {
  absl::MutexLock lock(&unknown_mutex_);
  const auto codes = unknown_codes_.find(carrier);
  return codes == unknown_codes_.end() ? std::vector<UnknownCodes::Row>() : codes->second.Rows();
}

}  // namespace caravan::logistics
