import { createMatrix, type Matrix, takeColumns, takeRows } from '@liminal/kenning/detectors/matrix';
import { drawFeatures } from '@liminal/kenning/tuning/feature-draws';
import { excessMassArea, levelSets, massVolumeArea } from '@liminal/kenning/tuning/excess-mass';
import { TUNABLE_MODELS } from '@liminal/kenning/tuning/model-spaces';
import { drawOptions } from '@liminal/kenning/tuning/search-space';
import { Random } from '@liminal/shared/runtime/random';
import { auroc, labelledSets, standardisedBy } from './adbench/labelled-sets.ts';
const names = process.argv[2]!.split(','); const SEED=Number(process.argv[3]??1); const CONF=Number(process.argv[4]??14); const MAXROWS=Number(process.argv[5]??2500);
const sets = labelledSets('../shared/data/adbench', []);
function reference(data: Matrix, count: number, kind: string, random: Random): Matrix {
  const d = data.columns, n = data.rows;
  const out = new Float32Array(count*d);
  for (let c=0;c<d;c++){
    const v=Float64Array.from({length:n},(_,r)=>data.values[r*d+c]!).sort();
    const lo=v[0]!, hi=v[n-1]!, med=v[n>>1]!; let s=(v[Math.floor(.75*n)]!-v[Math.floor(.25*n)]!)/1.349;
    if(!(s>0)){ const m=v.reduce((a,b)=>a+b,0)/n; s=Math.sqrt(v.reduce((a,b)=>a+(b-m)**2,0)/n);}
    const uni=(as:boolean)=> as? med+s*Math.sinh(random.uniform(Math.asinh((lo-med)/s),Math.asinh((hi-med)/s))):random.uniform(lo,hi);
    const rank=()=>v[random.int(n)]!;
    for(let i=0;i<count;i++){ out[i*d+c]= kind==='raw'?uni(false):kind==='asinh'?uni(true):kind==='rank'?rank():kind==='mixraw'?(random.next()<.5?uni(false):rank()):(random.next()<.5?uni(true):rank()); }
  }
  return createMatrix(out,d);
}
const KINDS=['raw','asinh','rank','mixraw'];const SEMI=process.env.PROTO==='semi';
for (const set of sets) {
  let { rows, isAnomaly } = set.read(); const random=new Random(SEED);
  const idx=random.sample(rows.rows,Math.min(rows.rows,MAXROWS)); rows=takeRows(rows,idx); isAnomaly=Uint8Array.from(idx,i=>isAnomaly[i]!);
  let an=0; for(const a of isAnomaly) an+=a; if(an===0) continue;
  [rows]=standardisedBy(rows) as [Matrix];
  const normals=[...isAnomaly.keys()].filter(i=>isAnomaly[i]===0), anoms=[...isAnomaly.keys()].filter(i=>isAnomaly[i]===1);
  const half=normals.slice(0,normals.length>>1);
  const test=SEMI?[...normals.slice(normals.length>>1),...anoms]:[...isAnomaly.keys()];
  const tested=takeRows(rows,Int32Array.from(test)), tl=Uint8Array.from(test,i=>isAnomaly[i]!);
  const pool=SEMI?Int32Array.from(half):Int32Array.from(isAnomaly.keys());
  const order=random.sample(pool.length,pool.length).map(i=>pool[i]!), held=Math.round(.3*pool.length);
  const evaluation=takeRows(rows,order.subarray(0,held)), training=takeRows(rows,order.subarray(held));
  let draws; try { draws=drawFeatures(evaluation,{draws:4,maxColumns:5,volumeSamples:10},random); } catch { continue; }
  const refs=draws.map(d=>KINDS.map(k=>reference(d.data,2000,k,random)));
  for (const name of names) { const t=(TUNABLE_MODELS as any)[name]; const r2=new Random(SEED+7);
    const confs=Array.from({length:CONF},(_,i)=>i===0?t.model.defaultOptions:drawOptions(t.space,t.model.defaultOptions,r2));
    for (const [ci,o] of confs.entries()) {
      const fit=async (m:Matrix,share:number)=>t.model.fitScorer(m,t.onColumnShare?.(o,share)??o,{seed:1});
      const final=auroc((await fit(training,rows.columns/7))(tested),tl);
      const crit:Record<string,number>={};
      for(const [di,d] of draws.entries()){ const sc=await fit(takeColumns(training,d.columns),d.columns.length/7); const ds=sc(d.data);
        for(const [k,kind] of KINDS.entries()){ const ls=levelSets(ds,sc(refs[di]![k]!)); crit[kind+'EM']=(crit[kind+'EM']??0)+excessMassArea(ls); crit[kind+'logEM']=(crit[kind+'logEM']??0)+Math.log(excessMassArea(ls)); crit[kind+'MV']=(crit[kind+'MV']??0)-massVolumeArea(ls);
        } }
      console.log(JSON.stringify({set:set.name,model:name,ci,auroc:final,...crit}));
    }
  }
}
