# find_package(Caravan): Caravan::zones is the client of the zones service,
# Caravan::caravan_client what all clients stand on.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Protobuf MODULE)
find_dependency(absl CONFIG)
find_dependency(gRPC CONFIG)
include("${CMAKE_CURRENT_LIST_DIR}/CaravanTargets.cmake")
