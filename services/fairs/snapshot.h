// Snapshots: what the runs of a stage see of a section, made of what is stored.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/sections.pb.h"

namespace caravan::fairs {

// A hall floor and its plan in the section's phase.
struct PlannedFloor {
  v1::Hall hall;
  v1::FloorPlan plan;
};

// What the inputs of a section are made of.
struct SectionSources {
  const v1::Fair* fair = nullptr;
  const v1::Section* section = nullptr;
  v1::Stage stage = v1::STAGE_UNSPECIFIED;
  bool waiting_list = false;
  std::vector<v1::Quota> quotas = {};              // of the section
  std::vector<v1::Application> applications = {};  // of the section, whatever their state
  // Why applications take no part, by name: see ExclusionOf.
  std::map<std::string, std::string, std::less<>> exclusions = {};
  std::vector<PlannedFloor> floors = {};  // for PLACEMENT: of the phase
};

// Whether an application takes part in a stage (rules of ours, but for the first):
// - BRAND and GENERAL: who is SCORED, and in a run that is made again, for objections,
//   also who is WAITLISTED, or ALLOTTED and has not confirmed; renewals are none of them.
// - Their waiting lists: who is WAITLISTED.
// - PLACEMENT: who is CONFIRMED. Who is POSITIONED keeps its cells.
bool TakesPart(const v1::Application& application, v1::Stage stage, bool waiting_list);

// Whether the booths of an application are none that such a run can give: it has
// confirmed them or, for a waiting list, they are allotted to it.
bool HoldsBooths(const v1::Application& application, bool waiting_list);

// The inputs of a section, but for their name and digest: the booths that can be
// given are those of the section less those that are held. Where firms of a delegation
// hold more than its quota, because a waiting list gave them what others had left, the
// others' quotas are cut to what the section has left: one booth at a time from the
// largest, the last by id first (a rule of ours).
v1::SectionInputs MakeSectionInputs(const SectionSources& sources);

}  // namespace caravan::fairs
