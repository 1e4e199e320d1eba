#include "services/logistics/register_book.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "caravan/logistics/v1/working_calendars.pb.h"
#include "services/common/api/date.h"
#include "services/common/resources/reads.h"
#include "services/logistics/register_rules.h"
#include "services/logistics/terms_of.h"

namespace caravan::logistics {

namespace {

template <class T>
using ByName = absl::flat_hash_map<std::string, std::shared_ptr<const T>>;

// FNV-1a: the same on all machines.
uint64_t Digest(std::string_view text) {
  uint64_t digest = 0xcbf29ce484222325;
  for (const char c : text) {
    digest ^= static_cast<uint8_t>(c);
    digest *= 0x100000001b3;
  }
  return digest;
}

// All that a calendar says of days.
std::string DaysOf(const v1::WorkingCalendar& calendar) {
  std::string days;
  for (const int weekday : calendar.weekdays()) absl::StrAppend(&days, weekday, " ");
  for (const auto& day : calendar.holidays()) absl::StrAppend(&days, "-", api::FormatDate(day));
  for (const auto& day : calendar.extra_days()) absl::StrAppend(&days, "+", api::FormatDate(day));
  return days;
}

}  // namespace

// The registers at a revision.
struct RegisterBook::Page {
  struct Agreement {
    v1::Partnership contract;
    std::shared_ptr<const Partnership> partnership;
  };
  struct Way {
    v1::Lane contract;
    std::shared_ptr<const Lane> lane;
  };
  struct Calendar {
    std::shared_ptr<const WorkingCalendar> calendar;
    uint64_t digest = 0;
  };

  int64_t revision = 0;
  // Of all that matters here; other changes of the store leave it as it is.
  uint64_t digest = 0;
  ByName<Carrier> carriers;
  absl::flat_hash_map<std::string, Agreement> partnerships;
  absl::flat_hash_map<std::string, Way> lanes;
  absl::flat_hash_map<std::string, Calendar> calendars;

  // Terms that were asked for, by partnership and lane, of partnerships without
  // exclusions: they are the same for all parcels.
  mutable absl::Mutex mutex;
  mutable absl::flat_hash_map<std::pair<std::string, std::string>, std::shared_ptr<const Agreed>>
      agreed ABSL_GUARDED_BY(mutex);
};

RegisterBook::RegisterBook(const resources::Registry& registry, store::Store& store)
    : registry_(registry), store_(store) {}

RegisterBook::~RegisterBook() = default;

absl::StatusOr<std::unique_ptr<RegisterBook>> RegisterBook::Open(
    const resources::Registry& registry, store::Store& store) {
  std::unique_ptr<RegisterBook> book(new RegisterBook(registry, store));
  auto page = book->Read();
  if (!page.ok()) return page.status();
  absl::MutexLock lock(&book->mutex_);
  book->page_ = *std::move(page);
  return book;
}

absl::StatusOr<std::shared_ptr<const RegisterBook::Page>> RegisterBook::Read() const {
  std::shared_ptr<Page> page;
  absl::Status s = store_.Read([&](store::Reader& reader) -> absl::Status {
    page = std::make_shared<Page>();
    page->revision = reader.revision();
    const auto note = [&](std::string_view name, std::string_view etag) {
      // Whatever the order: rows are counted in, not chained.
      page->digest += Digest(absl::StrCat(name, " ", etag));
    };
    auto codes = std::make_shared<TrackingCodes>();
    absl::flat_hash_map<std::string, std::string> time_rules;  // by vocabulary
    absl::Status bad;
    absl::Status visited = resources::Visit<v1::TrackingVocabulary>(
        registry_, reader, "", {}, [&](const v1::TrackingVocabulary& vocabulary) {
          note(vocabulary.name(), vocabulary.etag());
          AddCodes(vocabulary, *codes);
          time_rules[vocabulary.name()] = vocabulary.time_rule();
        });
    if (!visited.ok()) return visited;
    visited =
        resources::Visit<v1::Partner>(registry_, reader, "", {}, [&](const v1::Partner& partner) {
          note(partner.name(), partner.etag());
          // A rule of its own, else that of the vocabulary; without one a time without an
          // offset is that of the place.
          std::string text = partner.time_rule();
          if (text.empty()) text = time_rules[partner.tracking_vocabulary()];
          if (text.empty()) text = "PLACE";
          absl::StatusOr<TimeRule> rule = TimeRule::Parse(text);
          if (!rule.ok()) {
            bad = rule.status();
            return;
          }
          page->carriers[partner.name()] = std::make_shared<Carrier>(
              Carrier{codes, partner.tracking_vocabulary(), *std::move(rule)});
        });
    if (!visited.ok()) return visited;
    visited = resources::Visit<v1::Lane>(registry_, reader, "", {}, [&](const v1::Lane& lane) {
      note(lane.name(), lane.etag());
      page->lanes[lane.name()] = {
          lane, std::make_shared<Lane>(Lane{lane.destination_country(), ZoneOf(lane)})};
    });
    if (!visited.ok()) return visited;
    visited = resources::Visit<v1::WorkingCalendar>(
        registry_, reader, "", {}, [&](const v1::WorkingCalendar& calendar) {
          note(calendar.name(), calendar.etag());
          absl::StatusOr<WorkingCalendar> made = CalendarOf(calendar);
          if (!made.ok()) {
            bad = made.status();
            return;
          }
          page->calendars[calendar.name()] = {std::make_shared<WorkingCalendar>(*std::move(made)),
                                              Digest(DaysOf(calendar))};
        });
    if (!visited.ok()) return visited;
    visited = resources::Visit<v1::Partnership>(
        registry_, reader, "", {}, [&](const v1::Partnership& partnership) {
          note(partnership.name(), partnership.etag());
          Partnership known;
          known.line_haul_company = partnership.line_haul_company();
          known.courier = partnership.courier();
          known.lanes.insert(partnership.lanes().begin(), partnership.lanes().end());
          known.open = partnership.state() == v1::Partnership::ACTIVE ||
                       partnership.state() == v1::Partnership::AT_RISK;
          page->partnerships[partnership.name()] = {
              partnership, std::make_shared<Partnership>(std::move(known))};
        });
    if (!visited.ok()) return visited;
    return bad;
  });
  if (!s.ok()) return s;
  return page;
}

std::shared_ptr<const RegisterBook::Page> RegisterBook::Current() const {
  absl::MutexLock lock(&mutex_);
  return page_;
}

absl::StatusOr<bool> RegisterBook::Refresh() {
  absl::MutexLock refreshing(&refreshing_);
  const std::shared_ptr<const Page> before = Current();
  if (store_.revision() <= before->revision) return false;
  auto page = Read();
  if (!page.ok()) return page.status();
  const bool changed = (*page)->digest != before->digest;
  absl::MutexLock lock(&mutex_);
  page_ = *std::move(page);
  return changed;
}

template <class T, class Message>
absl::StatusOr<std::shared_ptr<const T>> RegisterBook::Find(
    std::string_view name, absl::FunctionRef<std::shared_ptr<const T>(const Page& page)> find) {
  if (auto found = find(*Current()); found != nullptr) return found;
  if (auto refreshed = Refresh(); !refreshed.ok()) return refreshed.status();
  if (auto found = find(*Current()); found != nullptr) return found;
  return resources::NotFound(*registry_.FindByMessage(*Message::descriptor())->type, name);
}

absl::StatusOr<std::shared_ptr<const Registers::Carrier>> RegisterBook::FindCarrier(
    std::string_view name) {
  return Find<Carrier, v1::Partner>(name, [&](const Page& page) {
    const auto found = page.carriers.find(name);
    return found == page.carriers.end() ? nullptr : found->second;
  });
}

absl::StatusOr<std::shared_ptr<const Registers::Partnership>> RegisterBook::FindPartnership(
    std::string_view name) {
  return Find<Partnership, v1::Partnership>(name, [&](const Page& page) {
    const auto found = page.partnerships.find(name);
    return found == page.partnerships.end() ? nullptr : found->second.partnership;
  });
}

absl::StatusOr<std::shared_ptr<const Registers::Lane>> RegisterBook::FindLane(
    std::string_view name) {
  return Find<Lane, v1::Lane>(name, [&](const Page& page) {
    const auto found = page.lanes.find(name);
    return found == page.lanes.end() ? nullptr : found->second.lane;
  });
}

std::shared_ptr<const Registers::Agreed> RegisterBook::WorkOut(const Page& page,
                                                               std::string_view partnership,
                                                               std::string_view lane,
                                                               std::string_view postal_code,
                                                               absl::Time announced) {
  auto agreed = std::make_shared<Agreed>();
  const auto way = page.lanes.find(lane);
  const auto agreement = page.partnerships.find(partnership);
  if (way != page.lanes.end()) agreed->terms.zone = way->second.lane->zone;
  uint64_t calendar_digest = 0;
  if (way != page.lanes.end() && agreement != page.partnerships.end()) {
    agreed->terms =
        logistics::TermsOf(agreement->second.contract, way->second.contract, postal_code, announced,
                           [&](std::string_view name) -> std::shared_ptr<const WorkingCalendar> {
                             const auto calendar = page.calendars.find(name);
                             if (calendar == page.calendars.end()) return nullptr;
                             calendar_digest = calendar->second.digest;
                             return calendar->second.calendar;
                           });
  }
  const Terms& terms = agreed->terms;
  std::string all = absl::StrCat(terms.zone.name(), " ", terms.expected_scans, " ",
                                 absl::ToInt64Seconds(terms.information_limit), " ",
                                 absl::ToInt64Seconds(terms.silence));
  if (terms.commitment.has_value()) {
    const Commitment& commitment = *terms.commitment;
    absl::StrAppend(&all, " ", static_cast<int>(commitment.start), " ", commitment.duration, " ",
                    static_cast<int>(commitment.unit), " ", static_cast<int>(commitment.kind), " ",
                    calendar_digest);
  }
  agreed->fingerprint = Digest(all);
  return agreed;
}

std::shared_ptr<const Registers::Agreed> RegisterBook::TermsOf(std::string_view partnership,
                                                               std::string_view lane,
                                                               std::string_view postal_code,
                                                               absl::Time announced) {
  const auto page = Current();
  const auto agreement = page->partnerships.find(partnership);
  if (agreement == page->partnerships.end() || !agreement->second.contract.exclusions().empty()) {
    return WorkOut(*page, partnership, lane, postal_code, announced);
  }
  // Asked for with each event.
  const auto key = std::make_pair(std::string(partnership), std::string(lane));
  {
    absl::MutexLock lock(&page->mutex);
    const auto known = page->agreed.find(key);
    if (known != page->agreed.end()) return known->second;
  }
  auto agreed = WorkOut(*page, partnership, lane, postal_code, announced);
  absl::MutexLock lock(&page->mutex);
  page->agreed.emplace(key, agreed);
  return agreed;
}

}  // namespace caravan::logistics
