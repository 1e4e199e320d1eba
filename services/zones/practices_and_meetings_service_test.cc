// Practices with their adoptions, and exchange meetings with their action items,
// through a real server.
#include <string>
#include <vector>

#include "caravan/zones/v1/action_items.pb.h"
#include "caravan/zones/v1/adoptions.pb.h"
#include "caravan/zones/v1/exchange_meetings.pb.h"
#include "caravan/zones/v1/practices.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "services/common/store/testing.h"
#include "services/zones/testing/zones_server.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::ElementsAre;

constexpr char kAdmin[] = "users/admin";

auto Denied() { return Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"); }

auto Illegal() { return Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"); }

auto Refused(const std::string& reason) { return Fails(StatusCode::kFailedPrecondition, reason); }

auto InvalidAt(const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field}));
}

auto DanglingAt(const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({field}));
}

class PracticesTest : public testing::ZonesServer {
 protected:
  absl::StatusOr<v1::Practice> Submit(const std::string& id,
                                      const std::string& principal = kAdmin) {
    return Call<v1::Practice, v1::CreatePracticeRequest>(
        "PracticeService/CreatePractice",
        "practice_id: '" + id +
            "' practice { title: 'P' kind: REPLICABLE_PRACTICE pilot_zone: 'pilotZones/hangzhou' "
            "submission_date { year: 2023 } }",
        principal);
  }

  template <class Request>
  absl::StatusOr<v1::Practice> Step(const std::string& verb, const std::string& id,
                                    const std::string& rest,
                                    const std::string& principal = kAdmin) {
    return Call<v1::Practice, Request>("PracticeService/" + verb + "Practice",
                                       "name: 'practices/" + id + "' " + rest, principal);
  }

  // A practice that is published from March 2024 on.
  void Publish(const std::string& id) {
    ASSERT_THAT(Submit(id), IsOk());
    ASSERT_THAT(Step<v1::SelectPracticeRequest>("Select", id, "selection_date { year: 2024 }"),
                IsOk());
    ASSERT_THAT(
        Step<v1::PublishPracticeRequest>(
            "Publish", id,
            "publication_date { year: 2024 month: 3 } publication_document: 'documents/d1'"),
        IsOk());
  }

  absl::StatusOr<v1::Adoption> Adopt(const std::string& practice, const std::string& zone,
                                     const std::string& date, const std::string& principal = kAdmin,
                                     const std::string& more = "") {
    return Call<v1::Adoption, v1::CreateAdoptionRequest>(
        "AdoptionService/CreateAdoption",
        "parent: 'practices/" + practice + "' adoption_id: '" + zone +
            "' adoption { pilot_zone: 'pilotZones/" + zone + "' adoption_date {" + date + "} " +
            more + "}",
        principal);
  }

  absl::StatusOr<v1::SummarizeAdoptionsResponse> Summarize(const std::string& rest,
                                                           const std::string& principal = kAdmin,
                                                           const std::string& end = "year: 2025") {
    return Call<v1::SummarizeAdoptionsResponse, v1::SummarizeAdoptionsRequest>(
        "AdoptionService/SummarizeAdoptions",
        "start_date { year: 2024 } end_date {" + end + "} " + rest, principal);
  }

  // A row as `name earlier adopted/cumulative ...`.
  static std::vector<std::string> Rows(
      const absl::StatusOr<v1::SummarizeAdoptionsResponse>& response) {
    EXPECT_THAT(response, IsOk());
    std::vector<std::string> rows;
    if (!response.ok()) return rows;
    for (const auto& summary : response->summaries()) {
      std::string row =
          summary.practice() + summary.pilot_zone() + " " + std::to_string(summary.earlier_count());
      for (const auto& period : summary.periods()) {
        row += " " + std::to_string(period.adoption_count()) + "/" +
               std::to_string(period.cumulative_count());
      }
      rows.push_back(row);
    }
    return rows;
  }
};

TEST_P(PracticesTest, IsSelectedPublishedAndRetired) {
  ASSERT_THAT(Submit("p"), IsOk());
  EXPECT_THAT(Step<v1::PublishPracticeRequest>("Publish", "p", "publication_date { year: 2024 }"),
              Illegal());
  EXPECT_THAT(Step<v1::SelectPracticeRequest>("Select", "p", "selection_date { year: 2022 }"),
              InvalidAt("selection_date"));
  ASSERT_THAT(Step<v1::SelectPracticeRequest>("Select", "p", "selection_date { year: 2024 }"),
              IsOk());
  EXPECT_THAT(
      Step<v1::PublishPracticeRequest>(
          "Publish", "p", "publication_date { year: 2024 } publication_document: 'documents/none'"),
      DanglingAt("publication_document"));
  ASSERT_THAT(Step<v1::PublishPracticeRequest>("Publish", "p", "publication_date { year: 2024 }"),
              IsOk());
  // What was published stays as it was.
  EXPECT_THAT((Call<v1::Practice, v1::UpdatePracticeRequest>(
                  "PracticeService/UpdatePractice", "practice { name: 'practices/p' title: 'Q' }")),
              Refused("PRACTICE_FIXED"));
  const auto published = [&](const std::string& date) {
    auto list = Call<v1::ListPracticesResponse, v1::ListPracticesRequest>(
        "PracticeService/ListPractices", "effective_date {" + date + "}");
    return list.ok() ? list->practices_size() : -1;
  };
  EXPECT_EQ(published("year: 2023 month: 12 day: 31"), 0);
  EXPECT_EQ(published("year: 2024 month: 1 day: 1"), 1);
  ASSERT_THAT(Step<v1::RetirePracticeRequest>("Retire", "p", "retirement_date { year: 2025 }"),
              IsOk());
  EXPECT_EQ(published("year: 2025 month: 1 day: 1"), 0);
  EXPECT_THAT(Step<v1::RetirePracticeRequest>("Retire", "p", "retirement_date { year: 2025 }"),
              Illegal());
}

TEST_P(PracticesTest, AZoneOfficeSubmitsItsOwn) {
  EXPECT_THAT(Submit("p", "users/ningbo"), Denied());
  ASSERT_THAT(Submit("p", "users/hangzhou"), IsOk());
  EXPECT_THAT((Call<v1::Practice, v1::UpdatePracticeRequest>(
                  "PracticeService/UpdatePractice", "practice { name: 'practices/p' title: 'Q' }",
                  "users/ningbo")),
              Denied());
  EXPECT_THAT((Call<v1::Practice, v1::UpdatePracticeRequest>(
                  "PracticeService/UpdatePractice", "practice { name: 'practices/p' title: 'Q' }",
                  "users/hangzhou")),
              IsOk());
}

TEST_P(PracticesTest, AZoneAdoptsWhatIsPublished) {
  ASSERT_THAT(Submit("p"), IsOk());
  EXPECT_THAT(Adopt("p", "ningbo", "year: 2024 month: 4"), Refused("PRACTICE_NOT_PUBLISHED"));
  Publish("q");
  EXPECT_THAT(Adopt("q", "ningbo", "year: 2024"), Refused("PRACTICE_NOT_PUBLISHED"));
  EXPECT_THAT(Adopt("q", "haikou", "year: 2025 month: 4"), Refused("ZONE_NOT_IN_FORCE"));
  EXPECT_THAT(Adopt("none", "ningbo", "year: 2024 month: 4"), DanglingAt("adoption.name"));
  EXPECT_THAT(Adopt("q", "nowhere", "year: 2024 month: 4"), DanglingAt("adoption.pilot_zone"));
  ASSERT_THAT(Adopt("q", "ningbo", "year: 2024 month: 4"), IsOk());
  EXPECT_THAT(Adopt("q", "ningbo", "year: 2024 month: 5"),
              Fails(StatusCode::kAlreadyExists, "RESOURCE_EXISTS"));
  EXPECT_THAT((Call<v1::Adoption, v1::CreateAdoptionRequest>(
                  "AdoptionService/CreateAdoption",
                  "parent: 'practices/q' adoption_id: 'other' adoption { pilot_zone: "
                  "'pilotZones/hangzhou' adoption_date { year: 2025 } }")),
              InvalidAt("adoption.pilot_zone"));
  EXPECT_THAT((Call<v1::Adoption, v1::CreateAdoptionRequest>(
                  "AdoptionService/CreateAdoption",
                  "parent: 'practices/q' adoption { pilot_zone: 'pilotZones/hangzhou' "
                  "adoption_date { year: 2025 } }")),
              InvalidAt("adoption_id"));
  EXPECT_THAT((Call<google::protobuf::Empty, v1::DeletePracticeRequest>(
                  "PracticeService/DeletePractice", "name: 'practices/q'")),
              Refused("RESOURCE_IN_USE"));
}

TEST_P(PracticesTest, ResultsAreMeasuredAndShown) {
  Publish("p");
  EXPECT_THAT(Adopt("p", "ningbo", "year: 2025", kAdmin,
                    "results { measure: 'clearance' before: '4.50' after: 'two' unit: 'h' "
                    "document: 'documents/d1' }"),
              InvalidAt("adoption.results[0].after"));
  EXPECT_THAT(Adopt("p", "ningbo", "year: 2025", kAdmin,
                    "results { measure: 'clearance' before: '4.50' after: '2' unit: 'h' }"),
              InvalidAt("adoption.results[0].document"));
  auto adoption = Adopt("p", "ningbo", "year: 2025", kAdmin,
                        "results { measure: 'clearance' before: '4.50' after: '2' unit: 'h' "
                        "document: 'documents/d1' }");
  ASSERT_THAT(adoption, IsOk());
  EXPECT_EQ(adoption->results(0).before(), "4.50");
}

TEST_P(PracticesTest, AZoneOfficeSeesAndEditsItsOwnAdoptions) {
  Publish("p");
  EXPECT_THAT(Adopt("p", "hangzhou", "year: 2025", "users/ningbo"), Denied());
  ASSERT_THAT(Adopt("p", "ningbo", "year: 2025", "users/ningbo"), IsOk());
  ASSERT_THAT(Adopt("p", "hangzhou", "year: 2025", "users/hangzhou"), IsOk());
  const auto list = [&](const std::string& principal) {
    std::vector<std::string> names;
    auto page = Call<v1::ListAdoptionsResponse, v1::ListAdoptionsRequest>(
        "AdoptionService/ListAdoptions", "parent: 'practices/-'", principal);
    EXPECT_THAT(page, IsOk());
    if (!page.ok()) return names;
    for (const auto& adoption : page->adoptions()) names.push_back(adoption.pilot_zone());
    return names;
  };
  EXPECT_THAT(list("users/ningbo"), ElementsAre("pilotZones/ningbo"));
  EXPECT_THAT(list("users/auditor"), ElementsAre("pilotZones/hangzhou", "pilotZones/ningbo"));
  const auto update = [&](const std::string& principal) {
    return Call<v1::Adoption, v1::UpdateAdoptionRequest>(
        "AdoptionService/UpdateAdoption",
        "adoption { name: 'practices/p/adoptions/ningbo' summary: 'S' }", principal);
  };
  EXPECT_THAT(update("users/hangzhou"), Denied());
  EXPECT_THAT(update("users/ningbo"), IsOk());
}

TEST_P(PracticesTest, SummarizesAdoptionsByPracticeAndZone) {
  for (const char* id : {"a", "a-b", "c"}) Publish(id);
  ASSERT_THAT(Adopt("a", "ningbo", "year: 2024 month: 5"), IsOk());
  ASSERT_THAT(Adopt("a", "hangzhou", "year: 2025 month: 5"), IsOk());
  ASSERT_THAT(Adopt("a-b", "ningbo", "year: 2025"), IsOk());
  ASSERT_THAT(Adopt("c", "ningbo", "year: 2026"), IsOk());  // later than is asked
  const std::string all = "parent: 'practices/-' ";
  EXPECT_THAT(Rows(Summarize(all)),
              ElementsAre("practices/a-b 0 0/0 1/1", "practices/a 0 1/1 1/2"));
  EXPECT_THAT(Rows(Summarize(all + "group_by: PILOT_ZONE")),
              ElementsAre("pilotZones/hangzhou 0 0/0 1/1", "pilotZones/ningbo 0 1/1 1/2"));
  EXPECT_THAT(Rows(Summarize("parent: 'practices/a'")), ElementsAre("practices/a 0 1/1 1/2"));
  EXPECT_THAT(Rows(Summarize(all + "pilot_zone: 'pilotZones/hangzhou'", "users/hangzhou")),
              ElementsAre("practices/a 0 0/0 1/1"));
  EXPECT_THAT(Rows(Summarize(all, "users/auditor")).size(), 2u);
  EXPECT_THAT(Summarize(all, "users/hangzhou"), Denied());
  EXPECT_THAT(Summarize(all + "pilot_zone: 'pilotZones/hangzhou'", "users/ningbo"), Denied());
  EXPECT_THAT(Summarize(all + "pilot_zone: 'pilotZones/none'"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Summarize("parent: 'brands/-'"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"parent"})));
  EXPECT_THAT(Summarize(""), InvalidAt("parent"));
  EXPECT_THAT(Summarize(all, kAdmin, "year: 2023"), InvalidAt("end_date"));
}

TEST_P(PracticesTest, SummariesComeInPages) {
  for (const char* id : {"a", "a-b", "c"}) {
    Publish(id);
    ASSERT_THAT(Adopt(id, "ningbo", "year: 2025"), IsOk());
    ASSERT_THAT(Adopt(id, "hangzhou", "year: 2025"), IsOk());
  }
  for (const std::string grouping : {"PRACTICE", "PILOT_ZONE"}) {
    SCOPED_TRACE(grouping);
    const std::string request = "parent: 'practices/-' group_by: " + grouping + " ";
    std::vector<std::string> rows;
    std::string token;
    do {
      auto page = Summarize(request + "page_size: 1 page_token: '" + token + "'");
      for (const std::string& row : Rows(page)) rows.push_back(row);
      token = page.ok() ? page->next_page_token() : "";
    } while (!token.empty());
    EXPECT_EQ(rows, Rows(Summarize(request)));
  }
  auto page = Summarize("parent: 'practices/-' page_size: 1");
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(Summarize("parent: 'practices/-' group_by: PILOT_ZONE page_token: '" +
                        page->next_page_token() + "'"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_PAGE_TOKEN", Fields({"page_token"})));
}

class MeetingsTest : public testing::ZonesServer {
 protected:
  absl::StatusOr<v1::ExchangeMeeting> Plan(const std::string& more = "agenda { title: 'Opening' }",
                                           const std::string& principal = kAdmin) {
    return Call<v1::ExchangeMeeting, v1::CreateExchangeMeetingRequest>(
        "ExchangeMeetingService/CreateExchangeMeeting",
        "exchange_meeting_id: 'm' exchange_meeting { title: 'M' host_zone: 'pilotZones/hangzhou' "
        "start_date { year: 2026 month: 5 day: 10 } end_date { year: 2026 month: 5 day: 12 } " +
            more + " }",
        principal);
  }

  template <class Request>
  absl::StatusOr<v1::ExchangeMeeting> Step(const std::string& verb, const std::string& rest = "",
                                           const std::string& principal = kAdmin) {
    return Call<v1::ExchangeMeeting, Request>("ExchangeMeetingService/" + verb + "ExchangeMeeting",
                                              "name: 'exchangeMeetings/m' " + rest, principal);
  }

  absl::StatusOr<v1::ExchangeMeeting> Announce() {
    return Step<v1::AnnounceExchangeMeetingRequest>("Announce",
                                                    "announcement_date { year: 2026 month: 4 }");
  }

  absl::StatusOr<v1::ExchangeMeeting> Close() {
    return Step<v1::CloseExchangeMeetingRequest>("Close", "closing_date { year: 2026 month: 9 }");
  }

  void Hold() {
    ASSERT_THAT(Plan(), IsOk());
    ASSERT_THAT(Announce(), IsOk());
    ASSERT_THAT(Step<v1::HoldExchangeMeetingRequest>("Hold"), IsOk());
  }

  absl::StatusOr<v1::ActionItem> AddItem(const std::string& id, const std::string& zone,
                                         const std::string& due,
                                         const std::string& principal = kAdmin,
                                         const std::string& host = "hangzhou") {
    return Call<v1::ActionItem, v1::CreateActionItemRequest>(
        "ActionItemService/CreateActionItem",
        "parent: 'exchangeMeetings/m' action_item_id: '" + id +
            "' action_item { title: 'T' host_zone: 'pilotZones/" + host +
            "' pilot_zone: 'pilotZones/" + zone + "' due_date {" + due + "} }",
        principal);
  }

  absl::StatusOr<v1::ActionItem> Complete(const std::string& id, const std::string& date,
                                          const std::string& principal = kAdmin) {
    return Call<v1::ActionItem, v1::CompleteActionItemRequest>(
        "ActionItemService/CompleteActionItem",
        "name: 'exchangeMeetings/m/actionItems/" + id +
            "' evidence: 'documents/d1' completion_date {" + date + "}",
        principal);
  }

  absl::StatusOr<v1::ActionItem> UpdateItem(const std::string& fields,
                                            const std::string& principal) {
    return Call<v1::ActionItem, v1::UpdateActionItemRequest>(
        "ActionItemService/UpdateActionItem",
        "action_item { name: 'exchangeMeetings/m/actionItems/a' " + fields + " }", principal);
  }

  absl::StatusOr<v1::SummarizeOverdueActionItemsResponse> Overdue(
      const std::string& rest, const std::string& principal = kAdmin) {
    return Call<v1::SummarizeOverdueActionItemsResponse, v1::SummarizeOverdueActionItemsRequest>(
        "ActionItemService/SummarizeOverdueActionItems", rest, principal);
  }
};

TEST_P(MeetingsTest, IsAnnouncedHeldAndClosed) {
  EXPECT_THAT(Plan("agenda { title: 'Show' practices: 'practices/none' }"),
              DanglingAt("exchange_meeting.agenda[0].practices[0]"));
  EXPECT_THAT((Call<v1::ExchangeMeeting, v1::CreateExchangeMeetingRequest>(
                  "ExchangeMeetingService/CreateExchangeMeeting",
                  "exchange_meeting_id: 'm' exchange_meeting { title: 'M' host_zone: "
                  "'pilotZones/hangzhou' start_date { year: 2027 } end_date { year: 2026 } }")),
              InvalidAt("exchange_meeting.end_date"));
  ASSERT_THAT(Plan(""), IsOk());
  EXPECT_THAT(Announce(), Refused("MEETING_HAS_NO_AGENDA"));
  EXPECT_THAT(Step<v1::HoldExchangeMeetingRequest>("Hold"), Illegal());
  ASSERT_THAT((Call<v1::ExchangeMeeting, v1::UpdateExchangeMeetingRequest>(
                  "ExchangeMeetingService/UpdateExchangeMeeting",
                  "exchange_meeting { name: 'exchangeMeetings/m' agenda { title: 'Opening' } }")),
              IsOk());
  ASSERT_THAT(Announce(), IsOk());
  ASSERT_THAT(Step<v1::HoldExchangeMeetingRequest>("Hold"), IsOk());
  ASSERT_THAT(Close(), IsOk());
  EXPECT_THAT((Call<v1::ExchangeMeeting, v1::UpdateExchangeMeetingRequest>(
                  "ExchangeMeetingService/UpdateExchangeMeeting",
                  "exchange_meeting { name: 'exchangeMeetings/m' venue: 'V' }")),
              Refused("MEETING_CLOSED"));
  EXPECT_THAT(AddItem("a", "ningbo", "year: 2027"), Refused("MEETING_CLOSED"));
}

TEST_P(MeetingsTest, IsNotHeldBeforeItBegins) {
  ASSERT_THAT(Plan(), IsOk());
  ASSERT_THAT(Announce(), IsOk());
  clock_.Advance(-absl::Hours(24 * 250));  // 18 March
  EXPECT_THAT(Step<v1::HoldExchangeMeetingRequest>("Hold"), Refused("MEETING_NOT_BEGUN"));
}

TEST_P(MeetingsTest, IsClosedOnceItsActionItemsAreDone) {
  Hold();
  ASSERT_THAT(AddItem("a", "ningbo", "year: 2026 month: 7"), IsOk());
  ASSERT_THAT(AddItem("b", "ningbo", "year: 2026 month: 7"), IsOk());
  EXPECT_THAT(Close(), Refused("ACTION_ITEMS_OPEN"));
  ASSERT_THAT(Complete("a", "year: 2026 month: 6"), IsOk());
  const absl::Status refused = Close().status();
  EXPECT_THAT(refused, Refused("ACTION_ITEMS_OPEN"));
  EXPECT_THAT(std::string(refused.message()),
              ::testing::HasSubstr("exchangeMeetings/m/actionItems/b is not done"));
  // Nor can it be loaded as closed.
  EXPECT_THAT((Call<v1::LoadExchangeMeetingsResponse, v1::LoadExchangeMeetingsRequest>(
                  "ExchangeMeetingService/LoadExchangeMeetings",
                  "exchange_meetings { name: 'exchangeMeetings/m' title: 'M' "
                  "host_zone: 'pilotZones/hangzhou' start_date { year: 2026 } "
                  "end_date { year: 2026 } state: CLOSED closing_date { year: 2026 month: 9 } }")),
              Refused("ACTION_ITEMS_OPEN"));
  ASSERT_THAT(Complete("b", "year: 2026 month: 8"), IsOk());
  EXPECT_THAT(Complete("b", "year: 2026 month: 8"), Illegal());
  EXPECT_THAT(Close(), IsOk());
}

TEST_P(MeetingsTest, AnActionItemIsDoneWithEvidence) {
  Hold();
  ASSERT_THAT(AddItem("a", "ningbo", "year: 2026 month: 7"), IsOk());
  EXPECT_THAT(Complete("a", "year: 2026 month: 11 day: 24"), InvalidAt("completion_date"));
  EXPECT_THAT((Call<v1::ActionItem, v1::CompleteActionItemRequest>(
                  "ActionItemService/CompleteActionItem",
                  "name: 'exchangeMeetings/m/actionItems/a' completion_date { year: 2026 }")),
              InvalidAt("evidence"));
  auto item = Complete("a", "year: 2026 month: 11 day: 23");
  ASSERT_THAT(item, IsOk());
  EXPECT_EQ(item->state(), v1::ActionItem::DONE);
  EXPECT_EQ(item->evidence(), "documents/d1");
}

TEST_P(MeetingsTest, TheHostSetsWhatTheOthersDo) {
  Hold();
  const std::string due = "year: 2026 month: 7";
  ASSERT_THAT(AddItem("a", "ningbo", due, "users/hangzhou"), IsOk());
  // Who owes an item reports, and cannot put it off.
  EXPECT_THAT(UpdateItem("progress: 'half'", "users/ningbo"), IsOk());
  EXPECT_THAT(UpdateItem("due_date { year: 2027 }", "users/ningbo"), Denied());
  EXPECT_THAT(UpdateItem("due_date { year: 2026 month: 8 }", "users/hangzhou"), IsOk());
  EXPECT_THAT(Complete("a", "year: 2026 month: 8", "users/ningbo"), IsOk());
  // Nor does a guest add items, or pass for the host.
  EXPECT_THAT(AddItem("b", "ningbo", due, "users/ningbo"), Denied());
  EXPECT_THAT(AddItem("b", "ningbo", due, "users/ningbo", "ningbo"),
              InvalidAt("action_item.host_zone"));
  EXPECT_THAT(AddItem("b", "zhengzhou", due, "users/ningbo"), Denied());
}

TEST_P(MeetingsTest, AZoneOfficeSeesAndEditsItsOwn) {
  EXPECT_THAT(Plan("", "users/ningbo"), Denied());
  Hold();
  ASSERT_THAT(AddItem("a", "ningbo", "year: 2026 month: 7"), IsOk());
  ASSERT_THAT(AddItem("b", "zhengzhou", "year: 2026 month: 7"), IsOk());
  const auto list = [&](const std::string& principal) {
    std::vector<std::string> zones;
    auto page = Call<v1::ListActionItemsResponse, v1::ListActionItemsRequest>(
        "ActionItemService/ListActionItems", "parent: 'exchangeMeetings/m'", principal);
    EXPECT_THAT(page, IsOk());
    if (!page.ok()) return zones;
    for (const auto& item : page->action_items()) zones.push_back(item.pilot_zone());
    return zones;
  };
  EXPECT_THAT(list("users/ningbo"), ElementsAre("pilotZones/ningbo"));
  EXPECT_THAT(list("users/hangzhou"), ElementsAre("pilotZones/ningbo", "pilotZones/zhengzhou"));
  EXPECT_THAT(Step<v1::CloseExchangeMeetingRequest>("Close", "closing_date { year: 2026 month: 9 }",
                                                    "users/ningbo"),
              Denied());
  EXPECT_THAT((Call<v1::ExchangeMeeting, v1::GetExchangeMeetingRequest>(
                  "ExchangeMeetingService/GetExchangeMeeting", "name: 'exchangeMeetings/m'",
                  "users/hangzhou")),
              IsOk());
}

TEST_P(MeetingsTest, SummarizesWhatIsOverdue) {
  Hold();
  ASSERT_THAT(AddItem("a", "ningbo", "year: 2026 month: 11 day: 22"), IsOk());
  ASSERT_THAT(AddItem("b", "ningbo", "year: 2026 month: 11 day: 23"), IsOk());
  ASSERT_THAT(AddItem("c", "zhengzhou", "year: 2026 month: 6"), IsOk());
  ASSERT_THAT(Complete("c", "year: 2026 month: 8"), IsOk());
  const auto zones = [](const absl::StatusOr<v1::SummarizeOverdueActionItemsResponse>& response) {
    EXPECT_THAT(response, IsOk());
    std::vector<std::string> result;
    if (!response.ok()) return result;
    for (const auto& zone : response->summaries()) {
      result.push_back(zone.pilot_zone() + " " + std::to_string(zone.overdue_count()) + " " +
                       std::to_string(zone.oldest_age_days()));
    }
    return result;
  };
  const std::string all = "parent: 'exchangeMeetings/-' ";
  EXPECT_THAT(zones(Overdue(all)), ElementsAre("pilotZones/ningbo 1 1"));
  EXPECT_THAT(zones(Overdue(all + "effective_date { year: 2026 month: 7 day: 1 }")),
              ElementsAre("pilotZones/zhengzhou 1 30"));
  const std::string july = "effective_date { year: 2026 month: 7 day: 1 } ";
  EXPECT_THAT(zones(Overdue(all + july + "pilot_zone: 'pilotZones/hangzhou'", "users/hangzhou")),
              ElementsAre("pilotZones/zhengzhou 1 30"));
  EXPECT_THAT(zones(Overdue(all + july + "pilot_zone: 'pilotZones/ningbo'", "users/ningbo")),
              ElementsAre());
  EXPECT_THAT(zones(Overdue("parent: 'exchangeMeetings/other'")), ElementsAre());
  EXPECT_THAT(zones(Overdue(all, "users/auditor")), ElementsAre("pilotZones/ningbo 1 1"));
  EXPECT_THAT(Overdue(all, "users/hangzhou"), Denied());
  EXPECT_THAT(Overdue(all + "pilot_zone: 'pilotZones/none'"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Overdue("parent: 'practices/-'"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_NAME", Fields({"parent"})));
}

INSTANTIATE_TEST_SUITE_P(Engines, PracticesTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);
INSTANTIATE_TEST_SUITE_P(Engines, MeetingsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
