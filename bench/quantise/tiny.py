"""Makes the tiny MobileNetV3 of the tests of package pretrained, with random weights.

python3 tiny.py FOLDER writes mobilenetv3-tiny.pth and .json there and prints the
logits on sin(i/100).
"""
import json, os, sys, torch, torch.nn as nn, torch.nn.functional as F
from collections import OrderedDict
torch.manual_seed(7)
hs = nn.Hardswish()
def conv(i,o,k,s,g,act,bn=True):
    m=OrderedDict(conv=nn.Conv2d(i,o,k,s,k//2,groups=g,bias=False))
    if bn: m['bn']=nn.BatchNorm2d(o)
    if act=='relu': m['act']=nn.ReLU()
    if act=='h_swish': m['act']=nn.Hardswish()
    return nn.Sequential(m)
class SE(nn.Module):
    def __init__(s,c,mid):
        super().__init__(); s.fc=nn.Sequential(OrderedDict(reduce=nn.Conv2d(c,mid,1),relu=nn.ReLU(),expand=nn.Conv2d(mid,c,1),h_sigmoid=nn.Hardsigmoid()))
    def forward(s,x): return x*s.fc(x.mean((2,3),keepdim=True))
class MB(nn.Module):
    def __init__(s,i,mid,o,k,st,act,se,mids):
        super().__init__()
        if mid!=i: s.inverted_bottleneck=conv(i,mid,1,1,1,act)
        d=conv(mid,mid,k,st,mid,act)
        if se: d.add_module('se',SE(mid,mids))
        s.depth_conv=d; s.point_linear=conv(mid,o,1,1,1,None)
        s.has=mid!=i
    def forward(s,x): return s.point_linear(s.depth_conv(s.inverted_bottleneck(x) if s.has else x))
class Block(nn.Module):
    def __init__(s,m,short): super().__init__(); s.mobile_inverted_conv=m; s.short=short
    def forward(s,x): y=s.mobile_inverted_conv(x); return x+y if s.short else y
class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.first_conv=conv(3,8,3,2,1,'h_swish')
        s.blocks=nn.ModuleList([Block(MB(8,8,8,3,1,'relu',False,0),True),Block(MB(8,24,16,5,2,'h_swish',True,8),False)])
        s.final_expand_layer=conv(16,32,1,1,1,'h_swish')
        s.feature_mix_layer=conv(32,40,1,1,1,'h_swish',bn=False)
        s.classifier=nn.Sequential(OrderedDict(linear=nn.Linear(40,5)))
    def forward(s,x):
        x=s.first_conv(x)
        for b in s.blocks: x=b(x)
        x=s.final_expand_layer(x).mean((2,3),keepdim=True)
        return s.classifier(s.feature_mix_layer(x).flatten(1))
n=Net()
n.classifier.linear.weight.data.mul_(3)
for m in n.modules():
    if isinstance(m,nn.BatchNorm2d):
        m.momentum=None; m.weight.data.uniform_(.8,1.6); m.bias.data.normal_(0,.3)
n.train()  # statistics of images of one colour each, so that answers differ from image to image
for _ in range(4): n((2*torch.rand(64,3,1,1)-1+torch.rand(64,3,16,16)-.5).clamp(-1,1))
n.eval()
torch.save(n.state_dict(),os.path.join(sys.argv[1], 'mobilenetv3-tiny.pth'))
cl=lambda i,o,k,s,act,bn=True: dict(name='ConvLayer',kernel_size=k,stride=s,groups=1,in_channels=i,out_channels=o,use_bn=bn,act_func=act)
mb=lambda i,e,o,k,s,act,se,short: dict(name='ResidualBlock',mobile_inverted_conv=dict(name='MBInvertedConvLayer',in_channels=i,out_channels=o,kernel_size=k,stride=s,expand_ratio=e,act_func=act,use_se=se),shortcut=dict(name='IdentityLayer') if short else None)
json.dump(dict(name='MobileNetV3',bn=dict(eps=1e-5),first_conv=cl(3,8,3,2,'h_swish'),blocks=[mb(8,1,8,3,1,'relu',False,True),mb(8,3,16,5,2,'h_swish',True,False)],final_expand_layer=cl(16,32,1,1,'h_swish'),feature_mix_layer=cl(32,40,1,1,'h_swish',False),classifier=dict(out_features=5)),open(os.path.join(sys.argv[1], 'mobilenetv3-tiny.json'),'w'),indent=1)
x=torch.sin(torch.arange(3*16*16,dtype=torch.float64)*.01).float().reshape(1,3,16,16)
with torch.no_grad(): print([round(float(v),5) for v in n(x)[0]])
