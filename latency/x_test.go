package latency
import ("testing";"os";"path/filepath";"encoding/json";"hanas/space")
func TestX(t *testing.T){
 d:="/work/shared/data/"
 type tb struct{p,f string}
 for _,x:=range []tb{{"ofa/lut/note10_160.yaml","ofa-mbv3"},{"ofa/lut/note10_176.yaml","ofa-mbv3"},{"ofa/lut/note10_192.yaml","ofa-mbv3"},{"ofa/lut/note10_208.yaml","ofa-mbv3"},{"ofa/lut/note10_224.yaml","ofa-mbv3"},{"ofa/lut/pixel1_mobile_trim.yaml","ofa-proxyless"},{"lut/i7-8700K_lut.yaml","nsganetv2"},{"lut/bitfusion_b1.json","bitfusion"}}{
  tab,err:=Import(d+x.p,x.f,"dev"); if err!=nil{t.Error(err);continue}
  t.Log(x.p,tab.Len())
  fs,_:=filepath.Glob(d+"ofa/nets/*/net.config")
  for _,f:=range fs{ data,_:=os.ReadFile(f); var r struct{Image_size int}; b,_:=os.ReadFile(filepath.Dir(f)+"/run.config"); json.Unmarshal(b,&r)
   l,err:=space.NetConfigLayers(data,r.Image_size); if err!=nil{t.Error(err)}
   if x.f=="bitfusion"{for i:=range l{l[i].ABits=8; if l[i].WBits>0{l[i].WBits=8}}}
   ms,mj,err:=tab.Sum(l); if err==nil{t.Log(filepath.Base(filepath.Dir(f)),ms,mj)} else if m,ok:=err.(*MissingError);ok{ if len(m.Keys)<3{t.Log(filepath.Base(filepath.Dir(f)),m)}} else {t.Log(filepath.Base(filepath.Dir(f)), err)}
  }
  if x.f=="ofa-mbv3"||x.f=="nsganetv2"{ for _,n:=range []string{"ofa-mbv3-w1.0","ofa-mbv3-w1.2"}{ sp,_:=space.Preset(n); for _,res:=range []int{160,176,192,208,224}{ sp.Resolutions=[]int{res}
   a,_,e1:=tab.Sum(sp.Layers(sp.Largest())); b,_,e2:=tab.Sum(sp.Layers(sp.Smallest())); if e1==nil&&e2==nil{t.Log(n,res,a,b)} }}}
 }
}
