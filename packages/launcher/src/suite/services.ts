/** The five services: where their settings come from, and where they listen unless told otherwise. */
export const SERVICES = {
  kenning: { portSetting: 'KENNING_PORT', defaultPort: 5000 },
  backend: { portSetting: 'BACKEND_PORT', defaultPort: 8000 },
  'feature-extractor': { portSetting: 'FEATURE_EXTRACTOR_PORT', defaultPort: 8001 },
  predictor: { portSetting: 'PREDICTOR_PORT', defaultPort: 8002 },
  'auto-retrainer': { portSetting: 'AUTO_RETRAINER_PORT', defaultPort: 8003 },
} as const;

export type ServiceName = keyof typeof SERVICES;

export const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];
