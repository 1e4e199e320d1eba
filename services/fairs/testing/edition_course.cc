#include "services/fairs/testing/edition_course.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "services/fairs/digest.h"
#include "services/fairs/eligibility.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/section.h"
#include "services/fairs/snapshot.h"
#include "services/fairs/testing/made_up_section.h"

namespace caravan::fairs::testing {

using v1::Application;

EditionCourse::EditionCourse(Edition edition) : edition_(std::move(edition)) {
  std::sort(edition_.sections.begin(), edition_.sections.end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  std::map<std::string_view, size_t> index;
  for (const v1::Section& section : edition_.sections) index.emplace(section.name(), index.size());
  applications_.resize(index.size());
  for (size_t i = 0; i < edition_.applications.size(); ++i) {
    applications_[index.at(edition_.applications[i].section())].push_back(i);
  }
  std::map<std::string_view, std::vector<v1::Quota>> quotas;
  for (const v1::Quota& quota : edition_.quotas) quotas[quota.section()].push_back(quota);
  std::vector<v1::Quota> divided;
  for (const v1::Section& section : edition_.sections) {
    std::vector<v1::Quota>& of_section = quotas[section.name()];
    const DividedQuotas booths = DivideQuotas(section, edition_.fair.rules(), of_section,
                                              std::vector<bool>(of_section.size()))
                                     .value();
    for (size_t i = 0; i < of_section.size(); ++i) {
      of_section[i].set_booths(static_cast<int32_t>(booths.booths[i]));
      divided.push_back(std::move(of_section[i]));
    }
  }
  edition_.quotas = std::move(divided);
}

std::string EditionCourse::ExclusionOf(const v1::Section& section,
                                       const Application& application) const {
  EligibilityFacts facts;
  const auto& due = edition_.fair.application_due_date();
  facts.today = due.year() * 10'000 + due.month() * 100 + due.day();
  facts.fair = &edition_.fair;
  facts.section = &section;
  facts.firms.push_back({application.enterprise(),
                         zones::v1::Enterprise::ACTIVE,
                         {zones::v1::Enterprise::PRODUCER, zones::v1::Enterprise::DISTRIBUTOR},
                         zones::v1::ComplianceStanding::GOOD});
  for (const v1::Sanction& sanction : edition_.sanctions) {
    if (sanction.enterprise() == application.enterprise()) facts.sanctions.push_back(sanction);
  }
  return fairs::ExclusionOf(CheckEligibility(application, facts));
}

std::vector<v1::SectionInputs> EditionCourse::Freeze(v1::Stage stage, bool waiting_list) const {
  std::map<std::string_view, const v1::Hall*> halls;
  for (const v1::Hall& hall : edition_.halls) halls[hall.name()] = &hall;
  std::map<std::string_view, std::vector<v1::Quota>> quotas;
  for (const v1::Quota& quota : edition_.quotas) quotas[quota.section()].push_back(quota);
  std::vector<v1::SectionInputs> frozen;
  for (size_t s = 0; s < edition_.sections.size(); ++s) {
    const v1::Section& section = edition_.sections[s];
    SectionSources sources;
    sources.fair = &edition_.fair;
    sources.section = &section;
    sources.stage = stage;
    sources.waiting_list = waiting_list;
    sources.quotas = quotas[section.name()];
    for (const size_t i : applications_[s]) {
      const Application& application = edition_.applications[i];
      sources.applications.push_back(application);
      if (stage == v1::PLACEMENT || !TakesPart(application, stage, waiting_list)) continue;
      std::string exclusion = ExclusionOf(section, application);
      if (!exclusion.empty()) sources.exclusions[application.name()] = std::move(exclusion);
    }
    for (const v1::FloorPlan& plan : edition_.floor_plans) {
      const bool here =
          stage == v1::PLACEMENT &&
          std::any_of(plan.spans().begin(), plan.spans().end(),
                      [&](const auto& span) { return span.section() == section.name(); });
      if (here) sources.floors.push_back({*halls.at(plan.hall()), plan});
    }
    v1::SectionInputs& inputs = frozen.emplace_back(MakeSectionInputs(sources));
    inputs.set_name(MadeUpInputsName(LastSegment(section.name())));
    inputs.set_digest(DigestOfInputs(inputs).value());
  }
  return frozen;
}

std::vector<v1::Bundle> EditionCourse::Run(const std::vector<v1::SectionInputs>& inputs) const {
  return MakeUpRun(edition_.fair.rules(), inputs);
}

void EditionCourse::Publish(const std::vector<v1::Bundle>& bundles) {
  std::map<std::string_view, Application*> by_pseudonym;
  for (Application& application : edition_.applications) {
    by_pseudonym[application.pseudonym()] = &application;
  }
  for (const v1::Bundle& bundle : bundles) {
    for (const auto& decision : bundle.result().decisions()) {
      if (decision.reason() == "EXCLUDED") continue;
      Application& application = *by_pseudonym.at(decision.pseudonym());
      application.set_allotted_booths(decision.booths());
      application.set_state(decision.booths() > 0 ? Application::CONFIRMED
                                                  : Application::WAITLISTED);
    }
  }
}

void EditionCourse::ReturnOneIn(int count) {
  int confirmed = 0;
  for (Application& application : edition_.applications) {
    if (application.state() == Application::CONFIRMED && ++confirmed % count == 0) {
      application.set_state(Application::RETURNED);
    }
  }
}

}  // namespace caravan::fairs::testing
