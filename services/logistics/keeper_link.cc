// How parcels get further numbers, and are merged.
#include <algorithm>
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

constexpr int kMaxPlans = 10;
// Parcels that are merged into each other at the same moment, by several keepers, end
// here.
constexpr int kMaxMerges = 10;
constexpr size_t kMaxNumbers = 20;  // the contract's

}  // namespace

struct Keeper::Link {
  std::string id;
  ParcelRecord record;  // of the parcel, before
  BucketKey key;
  ParcelRecord::Number number;
  // The parcel that its events have opened, which is merged; empty: there is none.
  std::string adopts;
  // The parcel has the number already.
  bool is_repeat = false;
};

absl::StatusOr<Keeper::Link> Keeper::PlanLink(const v1::LinkTrackingNumberRequest& request,
                                              absl::Time now) const {
  absl::StatusOr<std::string> id = IdOf(request.name());
  if (!id.ok()) return id.status();
  absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Follow(&*id);
  if (!record.ok()) return record.status();
  if (!*record) return ParcelNotFound(request.name());
  Link link;
  link.id = *id;
  link.record = **std::move(record);
  absl::Status status = CheckCarrier(link.record.partnership, request.carrier(), "carrier");
  if (!status.ok()) return status;
  link.key = NumberKeyOf(NumberKey(request.carrier(), request.tracking_number()));
  link.number = {request.carrier(), request.tracking_number()};
  absl::StatusOr<std::vector<NumberUses>> numbers = ReadNumbers({&link.key, 1});
  if (!numbers.ok()) return numbers.status();
  NumberUses& uses = numbers->front();

  // Since when: what was said; or since the first event of the parcel that the number
  // means now, where nobody has announced that; or now.
  absl::Time begin = now;
  if (request.has_begin_time()) {
    begin = FromTimestamp(request.begin_time());
  } else {
    const absl::StatusOr<NumberUses::Meaning> current = Find(uses, request.carrier(), now);
    if (!current.ok()) return current.status();
    if (current->kind == Kind::kUse) {
      std::string other_id = uses[current->use].parcel;
      const absl::StatusOr<std::optional<ParcelRecord>> other = ledger_.Follow(&other_id);
      if (!other.ok()) return other.status();
      if (*other && !(*other)->announced && other_id != link.id) {
        const auto events = (*other)->events.events();
        const auto first = std::find_if(events.begin(), events.end(), [&](const auto& event) {
          return event.carrier == request.carrier();
        });
        if (first != events.end()) begin = first->time;
      }
    }
  }
  const absl::StatusOr<NumberUses::Meaning> meaning = Find(uses, request.carrier(), begin);
  if (!meaning.ok()) return meaning.status();
  if (meaning->kind == Kind::kUse) {
    std::string found = uses[meaning->use].parcel;
    const absl::StatusOr<std::optional<ParcelRecord>> other = ledger_.Follow(&found);
    if (!other.ok()) return other.status();
    if (found == link.id) {
      if (const auto* its = link.record.Find(request.carrier(), request.tracking_number())) {
        link.is_repeat = true;
        link.number = *its;
        return link;
      }
    } else if (*other && (*other)->announced) {
      return api::Error(absl::StatusCode::kFailedPrecondition, "TRACKING_NUMBER_IN_USE",
                        absl::StrCat("tracking_number: ", api::Quoted(request.tracking_number()),
                                     " of ", request.carrier(), " is another parcel's"))
          .Precondition("TRACKING_NUMBER", request.tracking_number(), "is another parcel's");
    } else {
      link.adopts = found;
    }
  }
  if (link.record.numbers.size() >= kMaxNumbers) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "TOO_MANY_TRACKING_NUMBERS",
                      absl::StrCat(kParcelPrefix, link.id, " has ", kMaxNumbers,
                                   " tracking numbers, and gets no more"))
        .Precondition("TRACKING_NUMBER", request.tracking_number(), "is one too many");
  }
  link.number.begin = begin;
  return link;
}

absl::Status Keeper::WriteLink(const Link& link, absl::Time now) {
  if (link.adopts.empty()) {
    const Link* one = &link;
    return WriteLinks({&one, 1}, now);
  }
  // A parcel that was opened by events is merged as its new owner's record says, so
  // that a crash does not cut that short.
  const BucketKey key = ledger_.KeyOf(link.id);
  const auto change = [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
    if (!visit.exists || !visit.record.merged_into.empty()) {
      return absl::AbortedError("the parcel has been merged");
    }
    if (visit.record.Find(link.number.carrier, link.number.number) == nullptr) {
      visit.record.numbers.push_back(link.number);
    }
    std::vector<std::string>& adopting = visit.record.adopting;
    if (std::find(adopting.begin(), adopting.end(), link.adopts) == adopting.end()) {
      adopting.push_back(link.adopts);
    }
    return Verdict::kChanged;
  };
  if (absl::Status status = ledger_.Change({&key, 1}, now, change); !status.ok()) return status;
  return FinishMerges(link.id);
}

absl::StatusOr<v1::Parcel> Keeper::LinkInTurn(const v1::LinkTrackingNumberRequest& request) {
  for (int round = 0; round < kMaxPlans; ++round) {
    const absl::Time now = Now();
    absl::StatusOr<Link> link = PlanLink(request, now);
    if (!link.ok()) return link.status();
    if (link->is_repeat) return MessageOf(link->id, link->record, now);
    // Nobody merges what is being merged.
    bool finished = false;
    for (const std::string& id : {link->id, link->adopts}) {
      const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Read(id);
      if (!record.ok()) return record.status();
      if (!*record || (*record)->adopting.empty()) continue;
      if (absl::Status status = FinishMerges(id); !status.ok()) return status;
      finished = true;
    }
    if (finished) continue;
    if (request.validate_only()) {
      link->record.numbers.push_back(link->number);
      return MessageOf(link->id, link->record, now);
    }
    const absl::Status status = WriteLink(*link, now);
    if (status.ok()) return GetById(link->id);
    if (!absl::IsAborted(status)) return status;
  }
  return api::Error(absl::StatusCode::kUnavailable, "PARCELS_BUSY",
                    "others change the parcel or the number at the same time; try again");
}

absl::Status Keeper::WriteLinks(absl::Span<const Link* const> links, absl::Time now) {
  absl::flat_hash_map<std::string, const Link*> by_number, by_parcel;
  std::vector<BucketKey> numbers, parcels;
  for (const Link* link : links) {
    by_number[link->key.key] = link;
    by_parcel[link->id] = link;
    numbers.push_back(link->key);
    parcels.push_back(ledger_.KeyOf(link->id));
  }
  SortKeys(&numbers);
  SortKeys(&parcels);
  // The numbers come first, so that no event opens a parcel.
  const absl::Status status =
      ChangeNumbers(numbers, [&](size_t index, NumberUses& uses) -> absl::Status {
        const Link& link = *by_number[numbers[index].key];
        const absl::StatusOr<NumberUses::Meaning> meaning =
            Find(uses, link.number.carrier, link.number.begin);
        if (!meaning.ok()) return meaning.status();
        if (meaning->kind == Kind::kNone) {
          uses.Add({link.id, link.number.begin, link.number.begin, link.number.begin});
        } else if (uses[meaning->use].parcel != link.id) {
          return absl::AbortedError("the number has come to mean another parcel");
        }
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return ledger_.Change(parcels, now, [&](size_t index, Visit& visit) -> absl::StatusOr<Verdict> {
    const Link& link = *by_parcel[parcels[index].key];
    if (!visit.exists || !visit.record.merged_into.empty()) {
      return absl::AbortedError("the parcel has been merged");
    }
    if (visit.record.Find(link.number.carrier, link.number.number) != nullptr) {
      return Verdict::kUnchanged;
    }
    visit.record.numbers.push_back(link.number);
    return Verdict::kChanged;
  });
}

void Keeper::LinkTogether(std::vector<WaitingLink*> waiting) {
  const absl::Time now = Now();
  std::vector<Link> links;
  std::vector<WaitingLink*> of_links;
  absl::flat_hash_set<std::string> taken;  // parcels, and numbers with their carriers
  for (WaitingLink* one : waiting) {
    if (waiting.size() == 1) break;
    absl::StatusOr<Link> link = PlanLink(one->request, now);
    // What is wrong, merges or changes nothing is done by itself.
    if (!link.ok() || link->is_repeat || !link->adopts.empty() || !link->record.adopting.empty() ||
        one->request.validate_only() || taken.contains(link->id) || taken.contains(link->key.key)) {
      continue;
    }
    taken.insert(link->id);
    taken.insert(link->key.key);
    links.push_back(*std::move(link));
    of_links.push_back(one);
  }
  std::vector<const Link*> together;
  for (const Link& link : links) together.push_back(&link);
  if (!together.empty() && WriteLinks(together, now).ok()) {
    for (size_t i = 0; i < links.size(); ++i) of_links[i]->answer = GetById(links[i].id);
  }
  for (WaitingLink* one : waiting) {
    if (!one->answer) one->answer = LinkInTurn(one->request);
  }
}

absl::StatusOr<v1::Parcel> Keeper::LinkTrackingNumber(
    const v1::LinkTrackingNumberRequest& request) {
  WaitingLink mine{request, std::nullopt};
  {
    absl::MutexLock lock(&links_mutex_);
    waiting_links_.push_back(&mine);
  }
  InTurn([&] {
    std::vector<WaitingLink*> waiting;
    {
      absl::MutexLock lock(&links_mutex_);
      waiting.swap(waiting_links_);
    }
    // Who came before has done those that waited then.
    if (!waiting.empty()) LinkTogether(std::move(waiting));
    return true;
  });
  return *std::move(mine.answer);
}

absl::Status Keeper::FinishMerges(const std::string& id, int depth) {
  if (depth > kMaxMerges) return absl::OkStatus();
  const absl::StatusOr<std::optional<ParcelRecord>> record = ledger_.Read(id);
  if (!record.ok()) return record.status();
  if (!*record) return absl::OkStatus();
  for (const std::string& from : (*record)->adopting) {
    if (absl::Status status = Merge(from, id, depth); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Each step may be done again, and what a crash leaves behind it is well.
absl::Status Keeper::Merge(const std::string& from, const std::string& into, int depth) {
  const BucketKey from_key = ledger_.KeyOf(from);
  const BucketKey into_key = ledger_.KeyOf(into);
  // What is merged into `from` itself comes first.
  if (absl::Status status = FinishMerges(from, depth + 1); !status.ok()) return status;
  const absl::StatusOr<std::optional<ParcelRecord>> target = ledger_.Read(into);
  if (!target.ok()) return target.status();
  // One that was merged itself has ended its own merges before.
  if (*target && !(*target)->merged_into.empty()) return absl::OkStatus();
  absl::StatusOr<std::optional<ParcelRecord>> read = ledger_.Read(from);
  if (!read.ok()) return read.status();
  ParcelRecord record = read->value_or(ParcelRecord());
  const bool merges = !record.announced && from != into &&
                      (record.merged_into.empty() || record.merged_into == into);

  // 1. The numbers mean the new parcel: those of the old one, and, where it has no row,
  // the new one's.
  if (merges) {
    std::vector<ParcelRecord::Number> numbers = record.numbers;
    if (*target) {
      numbers.insert(numbers.end(), (*target)->numbers.begin(), (*target)->numbers.end());
    }
    std::vector<BucketKey> keys;
    for (const ParcelRecord::Number& number : numbers) {
      keys.push_back(NumberKeyOf(NumberKey(number.carrier, number.number)));
    }
    SortKeys(&keys);
    const absl::Status status = ChangeNumbers(keys, [&](size_t, NumberUses& uses) {
      for (size_t use = 0; use < uses.size(); ++use) {
        if (uses[use].parcel == from) uses.SetParcel(use, into);
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;

    // 2. The old parcel counts nowhere, and leads to the new one.
    const auto lead = [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
      if (visit.record.merged_into == into) return Verdict::kUnchanged;
      visit.record.merged_into = into;
      return Verdict::kChanged;
    };
    if (absl::Status lead_status = ledger_.Change({&from_key, 1}, Now(), lead); !lead_status.ok()) {
      return lead_status;
    }
    // Events that came in between are in it, and others are not to come.
    read = ledger_.Read(from);
    if (!read.ok()) return read.status();
    record = read->value_or(ParcelRecord());
  }

  // 3. The new one has its events and numbers, and the merge is done. Where it was not
  // possible, the number is not this parcel's.
  const auto take = [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
    std::vector<std::string>& adopting = visit.record.adopting;
    const auto it = std::find(adopting.begin(), adopting.end(), from);
    if (it == adopting.end()) return Verdict::kUnchanged;
    adopting.erase(it);
    if (merges) {
      for (const TrackingEvent& event : record.events.events()) visit.record.events.Add(event);
      for (const ParcelRecord::Number& number : record.numbers) {
        if (visit.record.Find(number.carrier, number.number) == nullptr) {
          visit.record.numbers.push_back(number);
        }
      }
    } else {
      std::vector<ParcelRecord::Number>& numbers = visit.record.numbers;
      numbers.erase(std::remove_if(numbers.begin(), numbers.end(),
                                   [&](const ParcelRecord::Number& number) {
                                     return record.Find(number.carrier, number.number) != nullptr;
                                   }),
                    numbers.end());
    }
    return Verdict::kChanged;
  };
  if (absl::Status status = ledger_.Change({&into_key, 1}, Now(), take); !status.ok()) {
    return status;
  }
  if (!merges) return absl::OkStatus();

  // 4. The old one is a name, and no more.
  return ledger_.Change({&from_key, 1}, Now(),
                        [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
                          const bool is_bare = visit.record.events.events().empty();
                          if (is_bare && visit.record.numbers.empty()) return Verdict::kUnchanged;
                          visit.record.events = {};
                          visit.record.numbers.clear();
                          return Verdict::kChanged;
                        });
}

}  // namespace caravan::logistics
