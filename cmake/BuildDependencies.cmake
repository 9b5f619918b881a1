# What only building needs: the schema compiler, and libraries that are headers alone and do not
# show in ours.

find_program(CAPNP_EXECUTABLE capnp REQUIRED)
find_program(CAPNPC_CXX_EXECUTABLE capnpc-c++ REQUIRED)
find_path(RAPIDJSON_INCLUDE rapidjson/reader.h REQUIRED)
find_path(BOOST_INCLUDE boost/interprocess/file_mapping.hpp REQUIRED)
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
find_path(DTL_INCLUDE dtl/dtl.hpp REQUIRED)
mark_as_advanced(CAPNP_EXECUTABLE CAPNPC_CXX_EXECUTABLE RAPIDJSON_INCLUDE BOOST_INCLUDE
  CLI11_INCLUDE DTL_INCLUDE)
