"""Times pycocotools on the files that bench/cocoeval draws. Run: python3 bench/cocoeval.py DIR"""
import sys
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

truth = COCO(sys.argv[1] + "/truth.json")
results = truth.loadRes(sys.argv[1] + "/results.json")
begin, cpu = time.time(), time.process_time()
e = COCOeval(truth, results, "bbox")
e.evaluate()
e.accumulate()
print("pycocotools: %.2f s (%.2f s of a processor)" % (time.time() - begin, time.process_time() - cpu))
e.summarize()
print(" ".join("%.6f" % v for v in e.stats))
