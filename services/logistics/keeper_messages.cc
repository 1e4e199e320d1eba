#include "services/logistics/keeper_messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"

namespace caravan::logistics {
namespace {

// The contract's enums are the domain's, behind their zero value.
static_assert(static_cast<int>(v1::TrackingStatus::CANCELLED) ==
              static_cast<int>(TrackingStatus::kCancelled) + 1);
static_assert(static_cast<int>(v1::TrackingReason::SECURITY) ==
              static_cast<int>(TrackingReason::kSecurity));
static_assert(static_cast<int>(v1::Leg::LAST_MILE) == static_cast<int>(Leg::kLastMile) + 1);
static_assert(static_cast<int>(v1::Parcel::UNKNOWN) == static_cast<int>(ParcelState::kUnknown));

void Set(const std::optional<absl::Time>& time, google::protobuf::Timestamp* (v1::Parcel::*field)(),
         v1::Parcel* message) {
  if (time) *(message->*field)() = ToTimestamp(*time);
}

void SetCourse(const Course& course, v1::Parcel* message) {
  // One of which nothing has come is announced, or else nothing is known of it.
  message->set_state(course.state == ParcelState::kNone
                         ? v1::Parcel::ANNOUNCED
                         : static_cast<v1::Parcel::State>(course.state));
  message->set_status(static_cast<v1::TrackingStatus>(static_cast<int>(course.status) + 1));
  using P = v1::Parcel;
  Set(course.handed_over, &P::mutable_hand_over_time, message);
  Set(course.at(Milestone::kDeparture), &P::mutable_departure_time, message);
  Set(course.at(Milestone::kArrival), &P::mutable_arrival_time, message);
  Set(course.at(Milestone::kRelease), &P::mutable_release_time, message);
  Set(course.at(Milestone::kHub), &P::mutable_hub_time, message);
  Set(course.first_attempt, &P::mutable_first_attempt_time, message);
  Set(course.at(Milestone::kDelivery), &P::mutable_delivery_time, message);
  for (int leg = 0; leg < kLegs; ++leg) {
    if (const auto& seconds = course.seconds(static_cast<Leg>(leg))) {
      v1::LegTime* time = message->add_legs();
      time->set_leg(static_cast<v1::Leg>(leg + 1));
      time->set_seconds(*seconds);
    }
  }
  for (const Pause& pause : course.pauses) {
    v1::Pause* added = message->add_pauses();
    *added->mutable_begin_time() = ToTimestamp(pause.begin);
    *added->mutable_end_time() = ToTimestamp(pause.end);
  }
  message->set_failed_attempts(course.failures);
  Set(course.deadline, &P::mutable_deadline_time, message);
  Set(course.committed, &P::mutable_committed_time, message);
  message->set_due(course.due);
  message->set_on_time(course.on_time);
  message->set_refused(course.refused);
  message->set_damaged(course.damaged);
  message->set_scans_expected(course.scans_expected);
  message->set_scans_missing(course.scans_missing);
  v1::DataFaults* faults = message->mutable_data_faults();
  faults->set_out_of_sequence(course.out_of_sequence);
  faults->set_negative_intervals(course.negative_intervals);
  faults->set_before_parcel(course.before_parcel);
  faults->set_after_delivery(course.after_delivery);
  faults->set_future_dated(course.future_dated);
  faults->set_unknown_codes(course.unknown_codes);
}

}  // namespace

absl::StatusOr<std::string> IdOf(std::string_view name) {
  if (name.substr(0, kParcelPrefix.size()) != kParcelPrefix || name == kParcelPrefix) {
    return ParcelNotFound(name);
  }
  return std::string(name.substr(kParcelPrefix.size()));
}

absl::Status ParcelNotFound(std::string_view name) {
  return api::Error(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                    absl::StrCat(api::Quoted(name), " does not exist"))
      .Resource("caravan.dev/Parcel", api::ToValidUtf8(name));
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>((time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
  return timestamp;
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Floor(absl::Nanoseconds(timestamp.nanos()), absl::Microseconds(1));
}

void SetMessage(const TrackingEvent& event, v1::ParcelEvent* message) {
  message->set_carrier(event.carrier);
  message->set_event_id(event.id);
  message->set_code(event.code);
  message->set_place(event.place);
  *message->mutable_event_time() = ToTimestamp(event.time);
  *message->mutable_receipt_time() = ToTimestamp(event.receipt);
  message->set_status(static_cast<v1::TrackingStatus>(static_cast<int>(event.status) + 1));
  message->set_reason(static_cast<v1::TrackingReason>(event.reason));
  message->set_known(event.known);
  message->set_correction(event.correction);
}

v1::Parcel ToMessage(std::string_view id, const ParcelRecord& record, const ParcelView& view,
                     Registers& registers, absl::Time now) {
  v1::Parcel message;
  message.set_name(absl::StrCat(kParcelPrefix, id));
  for (const ParcelRecord::Number& number : record.numbers) {
    v1::TrackingNumber* added = message.add_tracking_numbers();
    added->set_carrier(number.carrier);
    added->set_number(number.number);
    if (number.begin != absl::InfinitePast()) {
      *added->mutable_begin_time() = ToTimestamp(number.begin);
    }
  }
  message.set_seller(record.seller);
  message.set_platform(record.platform);
  message.set_origin_zone(record.origin_zone);
  message.set_partnership(record.partnership);
  message.set_lane(record.lane);
  message.set_postal_code(record.postal_code);
  Companies companies = CompaniesOf(record, registers);
  message.set_line_haul_company(std::move(companies.line_haul_company));
  message.set_courier(std::move(companies.courier));
  if (!record.lane.empty()) {
    if (const auto lane = registers.FindLane(record.lane); lane.ok()) {
      message.set_destination_country((*lane)->destination);
    }
  }
  if (record.announced) *message.mutable_announce_time() = ToTimestamp(*record.announced);
  SetCourse(view.course, &message);
  message.set_event_count(static_cast<int32_t>(record.events.events().size()));
  *message.mutable_as_of_time() = ToTimestamp(now);
  return message;
}

}  // namespace caravan::logistics
