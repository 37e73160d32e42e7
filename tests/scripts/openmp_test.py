"""openmp_test.py <binary> <LibTorch's lib folder>: the program loads one OpenMP runtime, and it is LibTorch's.

Two runtimes in one process each start their own threads, and everything runs at half speed or worse.
"""
import os
import re
import subprocess
import sys

binary, folder = sys.argv[1:]
loaded = subprocess.run([binary], env={"LD_TRACE_LOADED_OBJECTS": "1"}, stdout=subprocess.PIPE, text=True, check=True).stdout
runtimes = re.findall(r"(?:libgomp|libomp|libiomp)\S* => (.*) \(0x", loaded)
print("OpenMP runtimes:", runtimes)
sys.exit([os.path.realpath(path) for path in runtimes] != [os.path.realpath(f"{folder}/libgomp.so.1")])
