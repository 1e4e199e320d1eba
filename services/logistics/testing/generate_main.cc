// Writes an invented stream of tracking events, and what must be there before it.
//
//   logistics-stream PART [--seed N] [--events N] [--begin DATE] [--days N] [--sellers N]
//                    [--without-zones]
//
// PART is, for `caravanctl apply -f -`
//   zones         the firms and platforms that the zones service must know of (with --load)
//   registers     calendars, partners and lanes, for which tracking vocabularies must be there
//                 (deploy/data/tracking_vocabularies)
//   partnerships  the agreements, ACTIVE (with --load)
// or
//   files DIR [--format csv|jsonl|mixed] [--broken N]
//                 DIR/announcements.jsonl and, for later, DIR/late.jsonl for `caravanctl
//                 logistics announce`, and DIR/CARRIER.csv or .jsonl for `caravanctl logistics
//                 import`, with N broken lines in each of them; `mixed`: line-haul companies
//                 send CSV, couriers JSON Lines
//   count         makes all and shows only how much it is
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/json_util.h"
#include "services/logistics/testing/stream_generator.h"

namespace caravan::logistics::testing {
namespace {

constexpr std::string_view kUsage =
    "usage: logistics-stream zones|registers|partnerships|count|files DIR\n"
    "         [--seed N] [--events N] [--begin DATE] [--days N] [--sellers N]\n"
    "         [--without-zones] [--format csv|jsonl|mixed] [--broken N]\n";

enum class Form { kCsv, kJsonLines, kMixed };

struct Request {
  std::string part;
  std::filesystem::path folder;
  StreamOptions stream;
  Form form = Form::kMixed;
  int broken = 0;
};

bool Parse(const std::vector<std::string_view>& words, Request& request) {
  if (words.empty()) return false;
  request.part = words[0];
  size_t i = 1;
  if (request.part == "files") {
    if (words.size() < 2) return false;
    request.folder = words[i++];
  }
  for (; i < words.size(); ++i) {
    const std::string_view flag = words[i];
    if (flag == "--without-zones") {
      request.stream.world.zones = false;
      continue;
    }
    if (i + 1 == words.size()) return false;
    const std::string_view value = words[++i];
    bool understood = false;
    if (flag == "--seed") {
      understood = absl::SimpleAtoi(value, &request.stream.seed);
    } else if (flag == "--events") {
      understood = absl::SimpleAtoi(value, &request.stream.events) && request.stream.events > 0;
    } else if (flag == "--begin") {
      understood = absl::ParseCivilTime(value, &request.stream.begin);
    } else if (flag == "--days") {
      understood = absl::SimpleAtoi(value, &request.stream.days) && request.stream.days > 0;
    } else if (flag == "--sellers") {
      understood = absl::SimpleAtoi(value, &request.stream.world.sellers) &&
                   request.stream.world.sellers > 0;
    } else if (flag == "--broken") {
      understood = absl::SimpleAtoi(value, &request.broken) && request.broken >= 0;
    } else if (flag == "--format") {
      static const auto& forms = *new std::map<std::string_view, Form>{
          {"csv", Form::kCsv}, {"jsonl", Form::kJsonLines}, {"mixed", Form::kMixed}};
      const auto form = forms.find(value);
      understood = form != forms.end();
      if (understood) request.form = form->second;
    }
    if (!understood) return false;
  }
  return true;
}

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  // Of a message without Any, to memory: it does not fail.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

// JSON is YAML.
template <class Messages>
void Write(const Messages& messages) {
  for (const auto& message : messages) std::cout << "---\n" << Json(message) << "\n";
}

std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// A carrier's file of events.
class EventFile {
 public:
  EventFile(const std::filesystem::path& folder, const std::string& carrier, bool csv, int broken)
      : csv_(csv), broken_(broken), out_(folder / (carrier + (csv ? ".csv" : ".jsonl"))) {
    if (csv) {
      out_ << "tracking_number,event_id,code,place,place_time_zone,event_time,receipt_time,"
              "reason,correction,withdrawn\n";
    }
  }

  bool Write(const v1::StreamEventsRequest& batch) {
    for (const v1::TrackingEvent& event : batch.events()) {
      const std::string line = csv_ ? Row(event) : Json(event);
      // From the third event on, after each 50th: what was cut off as it was written.
      if (broken_ > 0 && ++lines_ % 50 == 3) {
        out_ << line.substr(0, line.size() / 2) << "\n";
        --broken_;
      }
      out_ << line << "\n";
    }
    return out_.good();
  }

 private:
  static std::string Row(const v1::TrackingEvent& event) {
    return absl::StrCat(Cell(event.tracking_number()), ",", event.event_id(), ",",
                        Cell(event.code()), ",", Cell(event.place()), ",", event.place_time_zone(),
                        ",", Cell(event.event_time()), ",",
                        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ",
                                         absl::FromUnixSeconds(event.receipt_time().seconds()),
                                         absl::UTCTimeZone()),
                        ",", event.reason() == 0 ? "" : v1::TrackingReason_Name(event.reason()),
                        ",", event.correction() == 0 ? "" : absl::StrCat(event.correction()), ",",
                        event.withdrawn() ? "true" : "");
  }

  const bool csv_;
  int broken_;
  int64_t lines_ = 0;
  std::ofstream out_;
};

int WriteFiles(const Request& request) {
  std::error_code error;
  std::filesystem::create_directories(request.folder, error);
  StreamGenerator generator(request.stream);
  std::ofstream announcements(request.folder / "announcements.jsonl");
  std::ofstream late(request.folder / "late.jsonl");
  std::map<std::string, EventFile> files;
  for (const StreamCarrier& carrier : generator.world().carriers) {
    const std::string id(carrier.id);
    const bool csv =
        request.form == Form::kCsv || (request.form == Form::kMixed && carrier.country == "CN");
    files.try_emplace("partners/" + id, request.folder, id, csv, request.broken);
  }
  StreamItem item;
  bool written = true;
  while (written && generator.Next(&item)) {
    if (item.kind == StreamItem::Kind::kBatch) {
      written = files.at(item.batch.carrier()).Write(item.batch);
      continue;
    }
    std::ofstream& out = item.late ? late : announcements;
    if (item.kind == StreamItem::Kind::kAnnouncement) {
      out << Json(item.announcement) << "\n";
    } else {
      out << Json(item.link) << "\n";
    }
    written = out.good();
  }
  if (written && announcements.flush() && late.flush()) return 0;
  std::cerr << "the files in " << request.folder << " cannot be written\n";
  return 1;
}

int Count(const Request& request) {
  StreamGenerator generator(request.stream);
  StreamItem item;
  int64_t announcements = 0, links = 0, batches = 0, events = 0;
  absl::Time first = absl::InfiniteFuture(), last;
  const absl::Time begin = absl::Now();
  while (generator.Next(&item)) {
    announcements += item.kind == StreamItem::Kind::kAnnouncement;
    links += item.kind == StreamItem::Kind::kLink;
    if (item.kind == StreamItem::Kind::kBatch) {
      ++batches;
      events += item.batch.events_size();
    }
    first = std::min(first, item.time);
    last = item.time;
  }
  std::cout << generator.parcels() << " parcels, " << announcements << " announced, " << links
            << " links, " << batches << " batches, " << events << " events, from " << first
            << " to " << last << ", "
            << static_cast<int64_t>(static_cast<double>(events) /
                                    absl::ToDoubleSeconds(absl::Now() - begin))
            << " events/s\n";
  return 0;
}

int Main(const Request& request) {
  if (request.part == "files") return WriteFiles(request);
  if (request.part == "count") return Count(request);
  const StreamWorld world(request.stream.world);
  if (request.part == "zones") {
    Write(world.enterprise_register);
    Write(world.platform_register);
  } else if (request.part == "registers") {
    Write(world.calendar_register);
    Write(world.partner_register);
    Write(world.lane_register);
  } else if (request.part == "partnerships") {
    Write(world.partnership_register);
  } else {
    std::cerr << kUsage;
    return 2;
  }
  return std::cout.flush() ? 0 : 1;
}

}  // namespace
}  // namespace caravan::logistics::testing

int main(int argc, char** argv) {
  caravan::logistics::testing::Request request;
  if (!caravan::logistics::testing::Parse({argv + 1, argv + argc}, request)) {
    std::cerr << caravan::logistics::testing::kUsage;
    return 2;
  }
  return caravan::logistics::testing::Main(request);
}
