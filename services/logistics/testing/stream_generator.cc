#include "services/logistics/testing/stream_generator.h"

#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "services/common/testing/random.h"

namespace caravan::logistics::testing {
namespace {

using Status = TrackingStatus;
using Reason = TrackingReason;
using v1::Lane;

// Times are of whole seconds since 1970 here.
constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 3600;
constexpr int64_t kDay = 24 * kHour;

// A number comes again when it has been silent for so long.
constexpr int64_t kRetirement = 396 * kDay;

// Events of a parcel on average: so many parcels that their events suffice.
constexpr double kEventsOfParcel = 10.0;

constexpr std::string_view kNonsenseTimes[] = {
    "0000-00-00 00:00:00", "2024-13-45T25:61:00",  "",
    "yesterday",           "1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z"};
constexpr std::string_view kUnknownCodes[] = {"Z9-TEMP", "HUB_SORT_2", "MISC", "待处理"};

constexpr uint32_t kHourWeights[24] = {20, 12, 8,  5,  5,  8,  18, 35, 60, 80,  90, 95,
                                       85, 80, 90, 95, 98, 95, 85, 80, 90, 100, 85, 50};

// How many parcels set out on a day, 100 being usual.
uint32_t SeasonOf(absl::CivilDay day) {
  uint32_t season = 100;
  const int month = day.month(), date = day.day();
  // The fourth Thursday of November is followed by Black Friday.
  const absl::CivilDay november(day.year(), 11, 1);
  const absl::CivilDay black_friday = absl::NextWeekday(november - 1, absl::Weekday::thursday) + 22;
  if (month == 11 && date == 11) {
    season = 500;
  } else if (day == black_friday) {
    season = 400;
  } else if (month == 11 || (month == 12 && date <= 15)) {
    season = 200;
  } else if (month == 6 && date >= 16 && date <= 18) {
    season = 200;
  } else if ((month == 1 && date >= 25) || (month == 2 && date <= 15)) {
    season = 33;
  }
  const absl::Weekday weekday = absl::GetWeekday(day);
  if (weekday == absl::Weekday::saturday) season = season * 85 / 100;
  if (weekday == absl::Weekday::sunday) season = season * 70 / 100;
  return season;
}

// Usual times in hours: from the origin's hub to departure, and to arrival.
std::pair<int64_t, int64_t> HaulOf(Lane::Mode mode) {
  switch (mode) {
    case Lane::EXPRESS:
      return {14, 36};
    case Lane::POST:
      return {40, 72};
    case Lane::SEA:
      return {96, 28 * 24};
    case Lane::RAIL:
      return {60, 16 * 24};
    case Lane::ROAD:
      return {36, 16 * 24};
    default:
      return {26, 40};
  }
}

uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void AppendDigits(uint64_t number, int digits, std::string* text) {
  char buffer[24];
  for (int i = digits; i-- > 0; number /= 10) buffer[i] = static_cast<char>('0' + number % 10);
  text->append(buffer, static_cast<size_t>(digits));
}

void AppendLocal(const absl::CivilSecond& time, char separator, bool seconds, std::string* text) {
  AppendDigits(static_cast<uint64_t>(time.year()), 4, text);
  text->push_back('-');
  AppendDigits(static_cast<uint64_t>(time.month()), 2, text);
  text->push_back('-');
  AppendDigits(static_cast<uint64_t>(time.day()), 2, text);
  text->push_back(separator);
  AppendDigits(static_cast<uint64_t>(time.hour()), 2, text);
  text->push_back(':');
  AppendDigits(static_cast<uint64_t>(time.minute()), 2, text);
  if (!seconds) return;
  text->push_back(':');
  AppendDigits(static_cast<uint64_t>(time.second()), 2, text);
}

}  // namespace

class StreamGenerator::Impl {
 public:
  explicit Impl(const StreamOptions& options);

  bool Next(StreamItem* item);

  const StreamWorld& world() const { return world_; }
  int64_t parcels() const { return parcels_; }

 private:
  enum class Told : uint8_t { kEvent, kAnnouncement, kLink };

  // A parcel under way: until the last message of it is out.
  struct Parcel {
    int64_t set_out = 0;
    int64_t last = 0;  // receipt
    uint64_t ordinal = 0;
    // The numbers of the line-haul company and the courier: whose form they have, and
    // how far that carrier had counted.
    std::array<uint64_t, 2> counts = {};
    std::array<uint8_t, 2> forms = {};
    uint32_t messages = 0;  // not yet out
    uint16_t partnership = 0;
    uint16_t lane = 0;
    uint16_t seller = 0;
    uint8_t platform = 0;
    bool reused = false;      // its first number
    bool relabelled = false;  // the link is told by itself
    bool announced = false;   // ever
    // Whether the line-haul company and the courier say in which time zone their places
    // are, as nobody knows yet where the parcel goes.
    std::array<bool, 2> says_zone = {};
    std::array<char, 10> postal_code = {};
  };

  struct Message {
    int64_t receipt = 0;
    int64_t time = 0;  // of the event; of links: since when
    uint32_t slot = 0;
    uint32_t serial = 0;  // sorts those of one second
    Told told = Told::kEvent;
    uint8_t leg = 0;    // 0: the line-haul company tells it, 1: the courier
    uint8_t place = 0;  // 0: the origin, 1: the port, from 2: a city
    uint8_t step = 0;   // of the parcel
    uint8_t code = 0;   // index in the vocabulary; from kUnknownCode: none of it
    Reason reason = Reason::kNone;
    uint8_t correction = 0;
    bool withdrawn : 1;
    bool late : 1;
    bool bad_time : 1;
    bool bad_number : 1;
  };
  static constexpr uint8_t kUnknownCode = 200;

  struct Step {
    int64_t time = 0;
    Status status = Status::kUnknown;
    Reason reason = Reason::kNone;
    uint8_t leg = 0;
    uint8_t place = 0;
  };

  // What a carrier has told and not yet sent.
  struct Outbox {
    v1::StreamEventsRequest batch;
    int64_t first_receipt = 0;
    int64_t events = 0;  // in all
  };

  // A number that nobody uses any more.
  struct Retired {
    uint64_t count = 0;
    int64_t last = 0;
  };

  bool NextHour();
  void SetOut();
  void MakeParcel(int64_t time);
  void Plan(const Parcel& parcel);
  void PlanDelivery(const Parcel& parcel, int64_t hub);
  void Add(int64_t time, Status status, uint8_t leg, uint8_t place, Reason reason = Reason::kNone) {
    steps_.push_back({time, status, reason, leg, place});
  }
  void Tell(uint32_t slot, const Step& step, uint8_t number);
  void TellAgain(const StreamCarrier& carrier, const Message& message);
  void Queue(Message message);
  void Release(uint32_t slot);

  void Announce(const Message& message, StreamItem* item);
  void Link(const Message& message, StreamItem* item);
  void Render(const Message& message, v1::TrackingEvent* event);
  void RenderTime(const Message& message, const Parcel& parcel, v1::TrackingEvent* event);
  void AppendNumber(const Parcel& parcel, size_t leg, std::string* text) const;
  std::string NumberOf(const Parcel& parcel, size_t leg) const;
  std::string NameOf(const Parcel& parcel) const;
  void Send(size_t carrier, int64_t time, StreamItem* item);
  void SendAll();

  size_t CarrierOf(const Parcel& parcel, size_t leg) const {
    const StreamPartnership& partnership = world_.partnerships[parcel.partnership];
    return leg == 0 ? partnership.line_haul : partnership.courier;
  }
  const StreamPlace& DestinationOf(const Parcel& parcel) const {
    return world_.places[world_.lanes[parcel.lane].destination];
  }
  int CodeOf(size_t carrier, Status status, Reason reason) const {
    return codes_[carrier][static_cast<size_t>(status)][static_cast<size_t>(reason)];
  }

  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(random_.Below(static_cast<uint64_t>(bound)));
  }
  bool Chance(int64_t of_ten_thousand) { return Below(10'000) < of_ten_thousand; }
  // Near a usual time; one in ten up to three times it, one in fifty up to nine times.
  int64_t Skewed(int64_t usual) {
    int64_t time = usual * (500 + Below(1001)) / 1000;
    const int64_t kind = Below(50);
    if (kind < 5) time += usual * Below(2000) / 1000;
    if (kind == 5) time += usual * Below(8000) / 1000;
    return time;
  }

  const StreamOptions options_;
  const StreamWorld world_;
  caravan::testing::Random random_;
  // By carrier: the index of the code for a status and a reason, -1 where it has none.
  std::vector<std::array<std::array<int8_t, kTrackingReasons>, kTrackingStatuses>> codes_;
  std::vector<absl::TimeZone> offices_;  // by carrier
  absl::TimeZone origin_zone_;

  std::vector<uint32_t> weights_;  // by hour: how many parcels set out
  uint64_t weight_ = 0;            // of all hours
  uint64_t expected_parcels_ = 0;
  uint64_t carry_ = 0;
  int64_t first_hour_ = 0;
  int64_t hour_ = 0;

  int64_t parcels_ = 0;
  int64_t events_ = 0;
  uint32_t serial_ = 0;
  std::vector<Parcel> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint64_t> counters_;  // by carrier
  std::vector<std::deque<Retired>> retired_;
  std::vector<Step> steps_;  // of the parcel that is made

  // By hour of receipt; the first is the current one, of which `next_` come next.
  std::deque<std::vector<Message>> hours_;
  size_t next_ = 0;
  std::vector<std::vector<Message>> spare_;
  std::vector<Outbox> outboxes_;  // by carrier
  std::vector<size_t> overdue_;   // those that are to be sent now
  bool over_ = false;
  std::string text_;
};

StreamGenerator::Impl::Impl(const StreamOptions& options)
    : options_(options), world_(options.world), random_(options.seed) {
  absl::LoadTimeZone("Asia/Shanghai", &origin_zone_);
  for (const StreamCarrier& carrier : world_.carriers) {
    auto& codes = codes_.emplace_back();
    for (auto& of_status : codes) of_status.fill(-1);
    const auto all = StreamCodesOf(carrier.vocabulary);
    for (size_t i = 0; i < all.size(); ++i) {
      auto& of_status = codes[static_cast<size_t>(all[i].status)];
      if (all[i].reason != Reason::kNone) {
        of_status[static_cast<size_t>(all[i].reason)] = static_cast<int8_t>(i);
        continue;
      }
      for (int8_t& code : of_status) {
        if (code == -1) code = static_cast<int8_t>(i);
      }
    }
    absl::TimeZone& office = offices_.emplace_back(origin_zone_);
    if (!carrier.time_rule.empty() && carrier.time_rule[0] != '+') {
      absl::LoadTimeZone(std::string(carrier.time_rule), &office);
    }
  }
  for (int i = 0; i < options.days; ++i) {
    const uint32_t season = SeasonOf(options.begin + i);
    // Hours are of Shanghai, days of UTC: near enough.
    for (int hour = 0; hour < 24; ++hour) {
      weights_.push_back(season * kHourWeights[(hour + 8) % 24]);
      weight_ += weights_.back();
    }
  }
  expected_parcels_ =
      static_cast<uint64_t>(static_cast<double>(options.events) / kEventsOfParcel * 1.05) + 10;
  first_hour_ = (options.begin - absl::CivilDay(1970, 1, 1)) * 24;
  hour_ = first_hour_ - 1;
  hours_.emplace_back();
  const size_t carriers = world_.carriers.size();
  counters_.assign(carriers, 4'000'000 + options.seed % 1000);
  retired_.resize(carriers);
  for (const StreamCarrier& carrier : world_.carriers) {
    Outbox& outbox = outboxes_.emplace_back();
    outbox.batch.set_carrier(absl::StrCat("partners/", carrier.id));
    outbox.batch.set_source("stream");
  }
}

// Goes on to the next hour; false where there is none.
bool StreamGenerator::Impl::NextHour() {
  if (hour_ >= first_hour_) {
    hours_.front().clear();
    spare_.push_back(std::move(hours_.front()));
    hours_.pop_front();
    if (hours_.empty()) hours_.emplace_back();
  }
  next_ = 0;
  ++hour_;
  SetOut();
  std::vector<Message>& messages = hours_.front();
  std::sort(messages.begin(), messages.end(), [](const Message& a, const Message& b) {
    return a.receipt != b.receipt ? a.receipt < b.receipt : a.serial < b.serial;
  });
  const int64_t now = hour_ * kHour;
  for (size_t c = 0; c < outboxes_.size(); ++c) {
    if (outboxes_[c].batch.events_size() > 0 &&
        outboxes_[c].first_receipt + absl::ToInt64Seconds(options_.batch_age) <= now) {
      overdue_.push_back(c);
    }
  }
  const bool all_set_out = hour_ - first_hour_ >= static_cast<int64_t>(weights_.size());
  return !all_set_out || !messages.empty() || hours_.size() > 1;
}

void StreamGenerator::Impl::SetOut() {
  const auto index = static_cast<size_t>(hour_ - first_hour_);
  if (index >= weights_.size()) return;
  for (carry_ += expected_parcels_ * weights_[index]; carry_ >= weight_; carry_ -= weight_) {
    MakeParcel(hour_ * kHour + Below(kHour));
  }
}

void StreamGenerator::Impl::MakeParcel(int64_t time) {
  const auto& route =
      world_.routes[static_cast<size_t>(Below(static_cast<int64_t>(world_.routes.size())))];
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot] = Parcel();
  }
  Parcel& parcel = slots_[slot];
  parcel.set_out = parcel.last = time;
  parcel.ordinal = static_cast<uint64_t>(parcels_++);
  parcel.partnership = static_cast<uint16_t>(route.partnership);
  parcel.lane = static_cast<uint16_t>(route.lane);
  const StreamPartnership& partnership = world_.partnerships[route.partnership];
  const size_t line_haul = partnership.line_haul;
  parcel.forms = {static_cast<uint8_t>(line_haul), static_cast<uint8_t>(line_haul)};
  std::deque<Retired>& retired = retired_[line_haul];
  if (!retired.empty() && retired.front().last + kRetirement < time) {
    parcel.reused = true;
    parcel.counts[0] = retired.front().count;
    retired.pop_front();
  } else {
    parcel.counts[0] = counters_[line_haul]++;
  }
  parcel.counts[1] = parcel.counts[0];
  if (!world_.sellers.empty()) {
    // A seller of the lane's origin.
    const size_t origins = world_.origins.size();
    const auto each = static_cast<int64_t>(world_.sellers.size() / origins);
    parcel.seller =
        static_cast<uint16_t>(world_.lanes[route.lane].origin +
                              origins * static_cast<size_t>(Below(std::max<int64_t>(each, 1)))) %
        world_.sellers.size();
    parcel.platform = static_cast<uint8_t>(Below(static_cast<int64_t>(world_.platforms.size())));
  }
  size_t length = 0;
  for (const char c : DestinationOf(parcel).postal_form) {
    parcel.postal_code[length++] = c == '#'   ? static_cast<char>('0' + Below(10))
                                   : c == 'A' ? static_cast<char>('A' + Below(26))
                                              : c;
  }

  const int64_t announcement = Below(1000);
  parcel.announced = announcement < 985;
  const bool late = announcement >= 940;
  if (partnership.relabels) {
    parcel.forms[1] = static_cast<uint8_t>(partnership.courier);
    parcel.counts[1] = counters_[partnership.courier]++;
    // Who announces late knows both numbers by then.
    parcel.relabelled = parcel.announced && !late;
  }
  parcel.says_zone = {late || parcel.reused, late || parcel.reused};
  Message message{};
  message.slot = slot;
  message.late = late;
  if (parcel.announced) {
    message.told = Told::kAnnouncement;
    message.receipt = late ? time + 12 * kHour + Below(84 * kHour) : time;
    Queue(message);
  }
  steps_.clear();
  Plan(parcel);
  if (parcel.relabelled) {
    const auto courier =
        std::find_if(steps_.begin(), steps_.end(), [](const Step& step) { return step.leg == 1; });
    if (courier != steps_.end()) {
      message.told = Told::kLink;
      message.late = Chance(2000);
      // In time: when the line-haul company hands it over, before any scan of the courier.
      message.time = courier->time - 2 * kHour;
      message.receipt = message.late ? courier->time + 2 * kHour + Below(48 * kHour)
                                     : std::max(message.time, time + 1);
      slots_[slot].says_zone[1] |= message.late;
      Queue(message);
    }
  }
  for (size_t i = 0; i < steps_.size(); ++i) Tell(slot, steps_[i], static_cast<uint8_t>(i));
  if (slots_[slot].messages == 0) free_slots_.push_back(slot);
}

void StreamGenerator::Impl::Plan(const Parcel& parcel) {
  const StreamLane& lane = world_.lanes[parcel.lane];
  const auto [to_departure, to_arrival] = HaulOf(lane.mode);
  const StreamPlace& destination = world_.places[lane.destination];
  if (Chance(8500))
    Add(parcel.set_out + kMinute + Below(90 * kMinute), Status::kInfoReceived, 0, 0);
  if (Chance(20)) {
    Add(parcel.set_out + 2 * kHour + Below(10 * kHour), Status::kCancelled, 0, 0);
    return;
  }
  const int64_t lost = Chance(30) ? Below(4) : -1;  // behind which scan
  const auto lose = [&](int64_t behind) {
    if (Chance(5000)) Add(behind + 10 * kDay + Below(15 * kDay), Status::kLost, 0, 0);
    if (Chance(5000)) Add(behind + 31 * kDay, Status::kUnknown, 0, 0);
  };
  const int64_t picked_up = parcel.set_out + Skewed(14 * kHour);
  Add(picked_up, Status::kPickedUp, 0, 0);
  if (lost == 0) return lose(picked_up);
  Add(picked_up + Skewed(5 * kHour), Status::kInTransit, 0, 0);
  const int64_t departed = picked_up + Skewed(to_departure * kHour);
  Add(departed, Status::kDepartedOrigin, 0, 0);
  if (lost == 1) return lose(departed);
  int64_t haul = Skewed(to_arrival * kHour);
  const absl::CivilDay day = absl::CivilDay(1970, 1, 1) + parcel.set_out / kDay;
  if ((day.month() == 11 && day.day() >= 11) || (day.month() == 12 && day.day() < 25)) {
    haul = haul * 4 / 3;
  }
  if (Chance(60)) {
    Add(departed + haul / 3, Status::kException, 0, 0, Reason::kForceMajeure);
    haul += kDay + Below(4 * kDay);
  }
  if (to_arrival > 100) Add(departed + haul / 2, Status::kInTransit, 0, 0);
  const int64_t arrived = departed + haul;
  Add(arrived, Status::kArrivedDestination, 0, 1);
  if (lost == 2) return lose(arrived);
  int64_t released = arrived + Skewed(14 * kHour);
  if (Chance(6000)) Add(arrived + (released - arrived) / 3, Status::kCustomsHeld, 0, 1);
  if (Chance(destination.country == "BR" ? 1200 : 300)) {
    Add(released, Status::kCustomsHeld, 0, 1, Reason::kCustoms);
    released += Skewed(3 * kDay);
  }
  Add(released, Status::kCustomsReleased, 0, 1);
  const int64_t pace = world_.carriers[CarrierOf(parcel, 1)].pace;
  const int64_t hub = released + Skewed(9 * kHour * pace / 1000);
  Add(hub, Status::kArrivedDeliveryHub, 1, static_cast<uint8_t>(2 + Below(3)));
  if (lost == 3) return lose(hub);
  if (Chance(30)) Add(hub + kHour + Below(6 * kHour), Status::kDamaged, 1, steps_.back().place);
  PlanDelivery(parcel, hub);
}

void StreamGenerator::Impl::PlanDelivery(const Parcel& parcel, int64_t hub) {
  const StreamPlace& destination = DestinationOf(parcel);
  const StreamCarrier& courier = world_.carriers[CarrierOf(parcel, 1)];
  const uint8_t place = steps_.back().place;
  const absl::Weekday rest =
      destination.country == "SA" ? absl::Weekday::friday : absl::Weekday::sunday;
  const absl::CivilHour there(absl::ToCivilSecond(absl::FromUnixSeconds(hub), destination.zone));
  absl::CivilDay day(there);
  if (there.hour() >= 6) ++day;
  while (Below(2000) < courier.pace - 700) ++day;
  // A moment of the day, from one hour on, within so many.
  const auto at = [&](int64_t hour, int64_t hours) {
    while (absl::GetWeekday(day) == rest) ++day;
    return absl::ToUnixSeconds(absl::FromCivil(absl::CivilSecond(day), destination.zone)) +
           hour * kHour + Below(hours * kHour);
  };
  const auto send_back = [&](int64_t time) {
    Add(time + kDay + Below(kDay), Status::kReturning, 1, place);
    if (Chance(8000)) Add(time + 8 * kDay + Below(20 * kDay), Status::kReturned, 0, 0);
  };
  for (int attempt = 1;; ++attempt) {
    Add(at(6, 3), Status::kOutForDelivery, 1, place);
    const int64_t time = at(9, 10);
    const bool fails = attempt == 1 ? Below(1000) < courier.failing : Chance(2500);
    if (attempt == 1 && Chance(70)) {
      Add(time, Status::kDeliveryFailed, 1, place, Reason::kRefused);
      return send_back(time);
    }
    if (!fails) {
      Add(time, Status::kDelivered, 1, place);
      if (Chance(40)) {
        Add(time + kHour + Below(9 * kHour),
            Chance(5000) ? Status::kInTransit : Status::kOutForDelivery, 1, place);
      }
      return;
    }
    const int64_t why = Below(100);
    const Reason reason = why < 50   ? Reason::kNobody
                          : why < 70 ? Reason::kAddress
                          : why < 85 ? Reason::kRecipientRequest
                                     : Reason::kNone;
    Add(time, Status::kDeliveryFailed, 1, place, reason);
    // The driver presses twice.
    if (Chance(500)) Add(time + 20 + Below(60), Status::kDeliveryFailed, 1, place, reason);
    if (attempt == 3) {
      if (Chance(4000)) return send_back(time);
      Add(time + 3 * kHour, Status::kAvailableForPickup, 1, place);
      ++day;
      if (Chance(7000)) {
        Add(at(10, 8), Status::kDelivered, 1, place);
      } else {
        send_back(time + 7 * kDay);
      }
      return;
    }
    day += 1 + (reason == Reason::kAddress || reason == Reason::kRecipientRequest ? Below(4) : 0);
  }
}

// What becomes of a step on its way to us.
void StreamGenerator::Impl::Tell(uint32_t slot, const Step& step, uint8_t number) {
  const Parcel& parcel = slots_[slot];
  Message message{};
  message.slot = slot;
  message.told = Told::kEvent;
  message.time = step.time;
  message.leg = step.leg;
  message.place = step.place;
  message.step = number;
  message.reason = step.reason;
  size_t carrier = CarrierOf(parcel, message.leg);
  int code = CodeOf(carrier, step.status, step.reason);
  if (code < 0 && (step.status == Status::kReturning || step.status == Status::kLost ||
                   step.status == Status::kDamaged || step.status == Status::kCancelled)) {
    // Who has no word for it tells the other.
    message.leg = 1 - message.leg;
    carrier = CarrierOf(parcel, message.leg);
    code = CodeOf(carrier, step.status, step.reason);
  }
  const bool moves = ShowsMovement(step.status) || step.status == Status::kException;
  if (code < 0 && moves) code = CodeOf(carrier, Status::kInTransit, Reason::kNone);
  if (code < 0) return;
  const StreamCarrier& teller = world_.carriers[carrier];
  // Deliveries are told more surely than scans.
  const int64_t missing = step.status == Status::kDelivered ? teller.missing : 10 * teller.missing;
  if (Chance(missing)) return;
  message.code = static_cast<uint8_t>(code);
  if (Chance(50)) {
    message.code =
        static_cast<uint8_t>(kUnknownCode + Below(static_cast<int64_t>(std::size(kUnknownCodes))));
  }
  message.receipt = step.time + 2 * kMinute + Below(36 * kMinute);
  if (Chance(10 * teller.late)) {
    message.receipt += 2 * kHour + Below(70 * kHour);
    if (Chance(1000)) message.receipt += Below(17 * kDay);
  }
  // A clock that is wrong by a time zone, mostly.
  if (Chance(20)) message.time += (Below(16) - 8) * kHour;
  message.bad_time = Chance(2);
  message.bad_number = Below(20'000) == 0;
  Queue(message);
  TellAgain(teller, message);
}

// Repeats and corrections.
void StreamGenerator::Impl::TellAgain(const StreamCarrier& carrier, const Message& message) {
  if (Chance(400)) {
    Message repeat = message;
    repeat.receipt += Chance(5000) ? Below(10 * kMinute) : Below(2 * kDay);
    Queue(repeat);
  }
  const auto of_carrier = static_cast<uint64_t>(&carrier - world_.carriers.data());
  const auto hour = static_cast<uint64_t>(message.receipt / kHour);
  if (Mix(options_.seed * 1'000'003 + hour * 101 + of_carrier) % 500 == 0) {
    Message repeat = message;
    repeat.receipt += 6 * kHour;
    Queue(repeat);
  }
  if (Chance(80)) {
    Message correction = message;
    correction.correction = 1;
    correction.receipt += 10 * kMinute + Below(kDay);
    if (carrier.gives_ids) {
      correction.time += (Below(240) - 120) * kMinute;
    } else {
      correction.reason = correction.reason == Reason::kNone ? Reason::kSecurity : Reason::kNone;
    }
    Queue(correction);
    if (Chance(1000)) {
      correction.correction = 2;
      // Comes before what it corrects, at times.
      correction.receipt =
          std::max(slots_[message.slot].set_out, correction.receipt + Below(4 * kDay) - 2 * kDay);
      Queue(correction);
    }
  }
  if (Chance(15)) {
    Message withdrawal = message;
    withdrawal.correction = 3;
    withdrawal.withdrawn = true;
    withdrawal.receipt += 10 * kMinute + Below(kDay);
    Queue(withdrawal);
  }
}

void StreamGenerator::Impl::Queue(Message message) {
  Parcel& parcel = slots_[message.slot];
  ++parcel.messages;
  parcel.last = std::max(parcel.last, message.receipt);
  message.serial = serial_++;
  const auto index = static_cast<size_t>(std::max<int64_t>(message.receipt / kHour - hour_, 0));
  while (hours_.size() <= index) {
    if (spare_.empty()) {
      hours_.emplace_back();
    } else {
      hours_.push_back(std::move(spare_.back()));
      spare_.pop_back();
    }
  }
  hours_[index].push_back(message);
}

void StreamGenerator::Impl::Release(uint32_t slot) {
  Parcel& parcel = slots_[slot];
  if (--parcel.messages > 0) return;
  if (parcel.ordinal % 100 == 0) {
    retired_[CarrierOf(parcel, 0)].push_back({parcel.counts[0], parcel.last});
  }
  free_slots_.push_back(slot);
}

bool StreamGenerator::Impl::Next(StreamItem* item) {
  while (true) {
    if (!overdue_.empty()) {
      const size_t carrier = overdue_.back();
      overdue_.pop_back();
      Send(carrier, hour_ * kHour, item);
      return true;
    }
    if (over_) return false;
    if (next_ == hours_.front().size() || hour_ < first_hour_) {
      over_ = !NextHour();
    } else {
      const Message message = hours_.front()[next_++];
      if (message.told != Told::kEvent) {
        item->time = absl::FromUnixSeconds(message.receipt);
        item->late = message.late;
        if (message.told == Told::kAnnouncement) {
          Announce(message, item);
        } else {
          Link(message, item);
        }
        Release(message.slot);
        return true;
      }
      const size_t carrier = CarrierOf(slots_[message.slot], message.leg);
      Outbox& outbox = outboxes_[carrier];
      if (outbox.batch.events_size() == 0) outbox.first_receipt = message.receipt;
      Render(message, outbox.batch.add_events());
      ++outbox.events;
      Release(message.slot);
      over_ = ++events_ == options_.events;
      if (!over_ && outbox.batch.events_size() == options_.batch_events) {
        Send(carrier, message.receipt, item);
        return true;
      }
    }
    if (over_) SendAll();
  }
}

// What is left, when no more comes.
void StreamGenerator::Impl::SendAll() {
  overdue_.clear();
  for (size_t c = 0; c < outboxes_.size(); ++c) {
    if (outboxes_[c].batch.events_size() > 0) overdue_.push_back(c);
  }
}

void StreamGenerator::Impl::Send(size_t carrier, int64_t time, StreamItem* item) {
  Outbox& outbox = outboxes_[carrier];
  item->kind = StreamItem::Kind::kBatch;
  item->time = absl::FromUnixSeconds(time);
  item->late = false;
  // The memory of the last batch is used for the next.
  item->batch.mutable_events()->Clear();
  item->batch.mutable_events()->Swap(outbox.batch.mutable_events());
  item->batch.set_carrier(outbox.batch.carrier());
  item->batch.set_source(outbox.batch.source());
  item->batch.set_position(outbox.events);
}

void StreamGenerator::Impl::Announce(const Message& message, StreamItem* item) {
  const Parcel& parcel = slots_[message.slot];
  item->kind = StreamItem::Kind::kAnnouncement;
  item->announcement.Clear();
  item->announcement.set_parcel_id(NameOf(parcel));
  v1::Parcel& announced = *item->announcement.mutable_parcel();
  announced.mutable_announce_time()->set_seconds(message.receipt);
  for (size_t leg = 0; leg < (parcel.relabelled ? 1 : 2); ++leg) {
    v1::TrackingNumber& number = *announced.add_tracking_numbers();
    number.set_carrier(outboxes_[CarrierOf(parcel, leg)].batch.carrier());
    number.set_number(NumberOf(parcel, leg));
    // Without it a number would begin with its first event, though that is another's.
    number.mutable_begin_time()->set_seconds(parcel.set_out - kHour);
  }
  if (!world_.sellers.empty()) {
    announced.set_seller(world_.sellers[parcel.seller]);
    announced.set_platform(world_.platforms[parcel.platform]);
    announced.set_origin_zone(
        absl::StrCat("pilotZones/", world_.origins[world_.lanes[parcel.lane].origin].zone));
  }
  announced.set_partnership(world_.partnership_register[parcel.partnership].name());
  announced.set_lane(world_.lane_register[parcel.lane].name());
  announced.set_postal_code(parcel.postal_code.data(), DestinationOf(parcel).postal_form.size());
}

void StreamGenerator::Impl::Link(const Message& message, StreamItem* item) {
  const Parcel& parcel = slots_[message.slot];
  item->kind = StreamItem::Kind::kLink;
  item->link.Clear();
  item->link.set_name(absl::StrCat("parcels/", NameOf(parcel)));
  item->link.set_carrier(outboxes_[CarrierOf(parcel, 1)].batch.carrier());
  item->link.set_tracking_number(NumberOf(parcel, 1));
  item->link.mutable_begin_time()->set_seconds(message.time);
}

std::string StreamGenerator::Impl::NameOf(const Parcel& parcel) const {
  std::string name = "s";
  absl::StrAppend(&name, options_.seed, "-");
  AppendDigits(parcel.ordinal, 9, &name);
  return name;
}

std::string StreamGenerator::Impl::NumberOf(const Parcel& parcel, size_t leg) const {
  std::string number;
  AppendNumber(parcel, leg, &number);
  return number;
}

void StreamGenerator::Impl::AppendNumber(const Parcel& parcel, size_t leg,
                                         std::string* text) const {
  const StreamCarrier& carrier = world_.carriers[parcel.forms[leg]];
  const uint64_t count = parcel.counts[leg];
  switch (carrier.numbers) {
    case NumberForm::kLong:
      text->append("YT");
      AppendDigits(1 + parcel.forms[leg], 2, text);
      AppendDigits(count, 14, text);
      break;
    case NumberForm::kNumeric:
      // Couriers count alike. Line-haul companies do not: they give one courier theirs.
      AppendDigits(carrier.country == "CN" ? 301 + parcel.forms[leg] : 300, 3, text);
      AppendDigits(count, 9, text);
      break;
    case NumberForm::kPostal: {
      // The check digit of UPU S10.
      static constexpr int kWeights[8] = {8, 6, 4, 2, 3, 5, 9, 7};
      char digits[8];
      uint64_t rest = count % 100'000'000;
      int sum = 0;
      for (size_t i = 8; i-- > 0; rest /= 10) {
        digits[i] = static_cast<char>('0' + rest % 10);
        sum += kWeights[i] * static_cast<int>(rest % 10);
      }
      const int check = 11 - sum % 11;
      text->push_back('L');
      text->push_back(static_cast<char>('A' + count / 100'000'000 % 26));
      text->append(digits, 8);
      text->push_back(static_cast<char>('0' + (check == 10 ? 0 : check == 11 ? 5 : check)));
      text->append(carrier.country);
      break;
    }
  }
}

void StreamGenerator::Impl::Render(const Message& message, v1::TrackingEvent* event) {
  const Parcel& parcel = slots_[message.slot];
  const size_t c = CarrierOf(parcel, message.leg);
  const StreamCarrier& carrier = world_.carriers[c];
  event->Clear();
  std::string& number = *event->mutable_tracking_number();
  AppendNumber(parcel, message.leg, &number);
  if (message.bad_number) number.insert(4, " ");
  if (carrier.gives_ids) {
    std::string& id = *event->mutable_event_id();
    id.push_back('e');
    AppendDigits(parcel.ordinal, 9, &id);
    id.push_back('-');
    AppendDigits(message.step, 2, &id);
  }
  if (message.code >= kUnknownCode) {
    const std::string_view code = kUnknownCodes[message.code - kUnknownCode];
    event->mutable_code()->assign(code.data(), code.size());
    event->set_reason(static_cast<v1::TrackingReason>(message.reason));
  } else {
    const StreamCode& code = StreamCodesOf(carrier.vocabulary)[message.code];
    event->mutable_code()->assign(code.code.data(), code.code.size());
    if (message.reason != code.reason) {
      event->set_reason(static_cast<v1::TrackingReason>(message.reason));
    }
  }
  const std::string_view place =
      message.place == 0   ? world_.origins[world_.lanes[parcel.lane].origin].title
      : message.place == 1 ? DestinationOf(parcel).port
                           : DestinationOf(parcel).cities[message.place - 2];
  event->mutable_place()->assign(place.data(), place.size());
  event->mutable_receipt_time()->set_seconds(message.receipt);
  event->set_correction(message.correction);
  event->set_withdrawn(message.withdrawn);
  if (message.bad_time) {
    const size_t which = (parcel.ordinal + message.step) % std::size(kNonsenseTimes);
    event->set_event_time(std::string(kNonsenseTimes[which]));
  } else {
    RenderTime(message, parcel, event);
  }
}

void StreamGenerator::Impl::RenderTime(const Message& message, const Parcel& parcel,
                                       v1::TrackingEvent* event) {
  const size_t c = CarrierOf(parcel, message.leg);
  std::string& text = *event->mutable_event_time();
  const absl::Time time = absl::FromUnixSeconds(message.time);
  ClockForm form = world_.carriers[c].clock;
  // In the time of the destination, where that is known.
  if (form == ClockForm::kBare && (message.place == 0 || parcel.says_zone[message.leg])) {
    form = ClockForm::kPlace;
  }
  const StreamPlace& destination = DestinationOf(parcel);
  const absl::TimeZone& there = message.place == 0 ? origin_zone_ : destination.zone;
  switch (form) {
    case ClockForm::kUtc:
      AppendLocal(absl::ToCivilSecond(time, absl::UTCTimeZone()), 'T', true, &text);
      text.push_back('Z');
      break;
    case ClockForm::kOffset: {
      const absl::TimeZone::CivilInfo local = there.At(time);
      AppendLocal(local.cs, 'T', true, &text);
      const int minutes = local.offset / 60;
      text.push_back(minutes < 0 ? '-' : '+');
      AppendDigits(static_cast<uint64_t>(std::abs(minutes) / 60), 2, &text);
      text.push_back(':');
      AppendDigits(static_cast<uint64_t>(std::abs(minutes) % 60), 2, &text);
      break;
    }
    case ClockForm::kPlace: {
      AppendLocal(absl::ToCivilSecond(time, there), ' ', true, &text);
      const std::string_view zone = message.place == 0 ? "Asia/Shanghai" : destination.zone_name;
      event->mutable_place_time_zone()->assign(zone.data(), zone.size());
      break;
    }
    case ClockForm::kBare:
      AppendLocal(absl::ToCivilSecond(time, there), 'T', false, &text);
      break;
    case ClockForm::kHomeOffice:
      AppendLocal(absl::ToCivilSecond(time, offices_[c]), ' ', true, &text);
      break;
  }
}

StreamGenerator::StreamGenerator(const StreamOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}
StreamGenerator::~StreamGenerator() = default;

const StreamWorld& StreamGenerator::world() const { return impl_->world(); }
int64_t StreamGenerator::parcels() const { return impl_->parcels(); }
bool StreamGenerator::Next(StreamItem* item) { return impl_->Next(item); }

}  // namespace caravan::logistics::testing
