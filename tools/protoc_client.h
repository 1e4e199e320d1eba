// The part of protoc-gen-caravan that writes clients.
#pragma once

#include <string>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace caravan::tools {

// `::caravan::zones::v1::PilotZone`.
std::string CppName(const google::protobuf::Descriptor& message);

// The header of a proto file: `caravan/zones/v1/policies` + `.pb.h`.
std::string HeaderOf(const google::protobuf::FileDescriptor& file, const std::string& ending);

// Writes `<file>.client.h`: for each service a class with a function for each
// method, which stands on clients/cpp. A List method gives the resources of all
// its pages, and a second function single pages; for a method signature
// (google.api.method_signature) there is a function that takes its fields.
void GenerateClients(const google::protobuf::FileDescriptor& file,
                     google::protobuf::io::Printer& out);

}  // namespace caravan::tools
