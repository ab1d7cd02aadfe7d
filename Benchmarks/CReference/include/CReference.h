// References in C that the benchmarks measure against.
#pragma once
