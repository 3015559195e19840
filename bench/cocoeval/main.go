// Cocoeval times the evaluation of boxes on drawn data, and writes that data
// for cocoeval.py, which times pycocotools on it and prints the same figures.
//
//	go run ./bench/cocoeval DIR && python3 bench/cocoeval.py DIR
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"hanas/datasets"
	"hanas/eval"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("cocoeval: say the folder for the drawn files")
	}
	truth, results := draw(5000, 80, 100)
	for name, v := range map[string]any{"truth.json": truth, "results.json": results} {
		data, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], name), data, 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	s, err := datasets.ReadCOCO(filepath.Join(os.Args[1], "truth.json"))
	if err != nil {
		log.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(os.Args[1], "results.json"))
	if err != nil {
		log.Fatal(err)
	}
	dets, err := datasets.ParseDetections(data, s)
	if err != nil {
		log.Fatal(err)
	}
	for _, workers := range []int{1, 2} {
		begin := time.Now()
		score, err := eval.ScoreBoxes(context.Background(), s, dets, workers)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d workers: %.2f s\n%.6f\n", workers, time.Since(begin).Seconds(), score)
	}
}

type row = map[string]any

// draw makes scenes of 7 objects in the mean, as COCO has, and boxes near them
// and elsewhere.
func draw(images, categories, boxes int) (truth row, results []row) {
	rng := rand.New(rand.NewPCG(1, 2))
	var ims, cats, anns []row
	for c := range categories {
		cats = append(cats, row{"id": c + 1, "name": fmt.Sprint(c)})
	}
	for i := range images {
		ims = append(ims, row{"id": i + 1, "width": 640, "height": 480, "file_name": ""})
		var mine []row
		for range 1 + rng.IntN(13) {
			w, h := 8+rng.Float64()*200, 8+rng.Float64()*200
			crowd := 0
			if rng.IntN(50) == 0 {
				crowd = 1
			}
			a := row{
				"id": len(anns) + 1, "image_id": i + 1, "category_id": 1 + rng.IntN(categories), "iscrowd": crowd,
				"bbox": []float64{rng.Float64() * (640 - w), rng.Float64() * (480 - h), w, h}, "area": w * h * 0.7,
			}
			anns, mine = append(anns, a), append(mine, a)
		}
		for k := range boxes {
			a := mine[k%len(mine)]
			b := a["bbox"].([]float64)
			blur := func() float64 { return rng.NormFloat64() * 0.15 }
			results = append(results, row{
				"image_id": i + 1, "category_id": a["category_id"], "score": float64(rng.IntN(1000)) / 1000,
				"bbox": []float64{b[0] + blur()*b[2], b[1] + blur()*b[3], b[2] * (1 + rng.Float64()*0.3), b[3] * (1 + rng.Float64()*0.3)},
			})
		}
	}
	return row{"images": ims, "categories": cats, "annotations": anns}, results
}
