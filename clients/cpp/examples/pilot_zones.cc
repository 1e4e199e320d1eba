// What a program that works with Caravan does: it connects, reads, changes, and
// follows.
//
//   example-pilot-zones ADDRESS [CA CERTIFICATE KEY]
//
// ADDRESS is that of a gateway, or of a zones service; without certificates it
// must be on this machine.
#include <cstdio>
#include <memory>
#include <string>

#include "caravan/client/changes.h"
#include "caravan/client/connection.h"
#include "caravan/client/errors.h"
#include "caravan/zones/v1/pilot_zones.client.h"

namespace {

using caravan::client::ChangeFollower;
using caravan::client::Connection;
using caravan::client::ConnectionOptions;
using caravan::client::Session;
using caravan::zones::v1::PilotZone;
using caravan::zones::v1::PilotZoneServiceClient;

// Prints an error with its reason, and the fields that are wrong.
int Fail(const absl::Status& status) {
  std::printf("error: %s [%s]\n", std::string(status.message()).c_str(),
              caravan::client::ReasonOf(status).c_str());
  for (const auto& violation : caravan::client::FieldViolationsOf(status)) {
    std::printf("  %s: %s\n", violation.subject.c_str(), violation.description.c_str());
  }
  return 1;
}

// Updates what was read, and reads again where somebody else was faster: a stale
// etag is refused, and no repeat of the same request would help.
absl::StatusOr<PilotZone> Rename(const PilotZoneServiceClient& zones, const std::string& name,
                                 const std::string& display_name) {
  google::protobuf::FieldMask mask;
  mask.add_paths("display_name");
  while (true) {
    absl::StatusOr<PilotZone> zone = zones.GetPilotZone(name);
    if (!zone.ok()) return zone;
    zone->set_display_name(display_name);
    absl::StatusOr<PilotZone> renamed = zones.UpdatePilotZone(*zone, mask);
    if (caravan::client::ReasonOf(renamed.status()) != "ETAG_MISMATCH") return renamed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 5) {
    std::printf("usage: %s ADDRESS [CA CERTIFICATE KEY]\n", argv[0]);
    return 2;
  }
  ConnectionOptions options;
  options.address = argv[1];
  options.user_agent = "example/1.0";
  if (argc == 5) {
    options.credentials.ca_file = argv[2];
    options.credentials.certificate_file = argv[3];
    options.credentials.key_file = argv[4];
  } else {
    options.credentials.plaintext = true;
  }
  const auto connection = Connection::Open(options);
  if (!connection.ok()) return Fail(connection.status());

  // What this program has seen is not unseen, whichever replica answers.
  const auto session = std::make_shared<Session>();
  const PilotZoneServiceClient zones(*connection, {.session = session});

  // From here on, every change is to be seen.
  ChangeFollower follower(*connection, {.filter = "resource = \"pilotZones/example\"",
                                        .call = {.service = "zones", .session = session}});
  if (auto status = follower.Begin(); !status.ok()) return Fail(status);

  // A refusal says what is wrong with which field.
  PilotZone zone;
  zone.set_display_name("Example");
  zone.set_province("CN-ZJ");
  if (auto refused = zones.CreatePilotZone(zone, "example"); refused.ok()) {
    std::printf("a zone without batch should have been refused\n");
    return 1;
  } else {
    Fail(refused.status());
  }
  zone.set_batch(9);
  zone.mutable_approval_date()->set_year(2026);
  const auto created = zones.CreatePilotZone(zone, "example");
  if (!created.ok()) return Fail(created.status());
  std::printf("created %s\n", created->name().c_str());
  const auto renamed = Rename(zones, created->name(), "Example 2");
  if (!renamed.ok()) return Fail(renamed.status());

  // All pages, one after the other.
  caravan::zones::v1::ListPilotZonesRequest request;
  request.set_filter("batch = 9");
  for (const auto& each : zones.ListPilotZones(request)) {
    if (!each.ok()) return Fail(each.status());
    std::printf("listed %s: %s\n", each->name().c_str(), each->display_name().c_str());
  }
  if (auto deleted = zones.DeletePilotZone(created->name()); !deleted.ok()) {
    return Fail(deleted.status());
  }

  // The changes that were made meanwhile, each once.
  for (const auto& change : follower.Changes()) {
    if (!change.ok()) return Fail(change.status());
    std::printf("followed %s\n", caravan::api::v1::Change::Kind_Name(change->kind()).c_str());
    if (change->kind() == caravan::api::v1::Change::DELETED) break;
  }
  return 0;
}
