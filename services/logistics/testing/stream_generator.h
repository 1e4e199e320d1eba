// Streams of tracking events as carriers send them, from a seed, as long as wanted and
// the same on every machine, in the order in which they are received. Memory is that of
// the parcels under way, so a hundred million events can be made.
//
// ASSUMPTIONS, all ours:
// - Parcels set out by season (twice as many from November to mid-December, five times as
//   many on 11 November, four times on Black Friday, a third over the Spring Festival, twice
//   on 18 June), by weekday and by hour of Shanghai. A parcel has some ten events.
// - A journey takes the time of its mode (express 2 to 3 days to arrival, air 3, post 5, road
//   and rail 18, sea 32), and one in fifty much longer; from 11 November to Christmas a third
//   longer. Customs ask for information of 3 % (Brazil 12 %), for some three days. Delivery
//   is from 9 to 19 o'clock on working days.
// - Of attempts 4 to 18 % fail, by courier: nobody there (50 %), wrong address (20 %), the
//   recipient's wish (15 %), no reason told; after three the parcel goes back, or waits. 0.7 %
//   are refused, 0.3 % lost, half of them in silence, 0.3 % damaged, 0.2 % cancelled, 0.6 %
//   held up by weather or strikes.
// - 94 % of parcels are announced when they set out, 4.5 % up to four days later, 1.5 % never.
// - Half of all couriers give parcels a number of their own at hand-over. One link in five is
//   told up to two days behind the first event of that number.
// - Carriers count their numbers on; several couriers count alike, so that one number is
//   of two. Once a stream is 13 months long, one parcel in 100 gets a number that has
//   been silent for so long. Who announces says when, and since when a number is the
//   parcel's: streams are of days gone by.
// - Events are told some 20 minutes later, from 0.5 to 12 % of them, by carrier, hours or
//   days later. 4 % come twice; an hour of a carrier in 500 is sent again as a whole.
//   0.8 % are corrected (the time, a reason), 0.15 % taken back, 0.2 % have a wrong clock.
// - From 0.2 to 4.5 % of scans are never told, by carrier; carriers whose vocabulary has
//   no code for a scan tell it as moving on, or not at all.
// - 0.5 % of codes are in no vocabulary; 0.4 % of delivered parcels are scanned behind that.
// - 2 in 10,000 events have a time that is none, 1 in 20,000 a number that is none: they are
//   refused.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "services/logistics/testing/stream_world.h"

namespace caravan::logistics::testing {

struct StreamOptions {
  uint64_t seed = 1;
  // Exactly so many events come; those of parcels that are still under way then don't.
  int64_t events = 100'000;
  // Parcels set out from this day on (UTC), for so many days.
  absl::CivilDay begin = absl::CivilDay(2024, 9, 1);
  int days = 122;
  StreamWorldOptions world;
  // A batch is full with so many events, or when its first one has waited so long.
  int batch_events = 1000;
  absl::Duration batch_age = absl::Hours(1);
};

// What comes next. The messages are of the contracts.
struct StreamItem {
  enum class Kind { kAnnouncement, kLink, kBatch };

  Kind kind = Kind::kBatch;
  absl::Time time;  // of receipt
  // Of announcements and links: the parcel, or the number, has had events before.
  bool late = false;

  v1::CreateParcelRequest announcement;
  v1::LinkTrackingNumberRequest link;
  // The position is the number of the carrier's events so far.
  v1::StreamEventsRequest batch;
};

class StreamGenerator {
 public:
  explicit StreamGenerator(const StreamOptions& options);
  ~StreamGenerator();
  StreamGenerator(const StreamGenerator&) = delete;
  StreamGenerator& operator=(const StreamGenerator&) = delete;

  const StreamWorld& world() const;

  // Sets what comes next; false at the end. A caller that passes the same item again
  // spares memory from being got anew.
  bool Next(StreamItem* item);

  // Parcels that have set out so far.
  int64_t parcels() const;

 private:
  class Impl;

  const std::unique_ptr<Impl> impl_;
};

}  // namespace caravan::logistics::testing
